//! A link, locked by one transaction for one of its two people; found by its own id or by one of its scenes.

use crate::actions::accounts::people::link_key;
use crate::actions::{ActionResult, Transaction};
use crate::domain::partner_link::LinkStatus;
use crate::domain::problem::Problem;
use crate::ids::{AccountId, LinkId, SceneId, TypedId};
use crate::store;
use crate::store::partner_link::{LinkRow, MemberRow};
use crate::store::scene::SceneRow;
use crate::vault::{Aad, DataKey};

/// A link of the person's, locked for this transaction.
pub struct OwnLink {
    /// The row.
    pub row: LinkRow,
    /// Opens the link's sealed columns.
    pub key: DataKey,
    /// Both sides, in the order of the accounts' ids.
    pub members: Vec<MemberRow>,
}

impl OwnLink {
    /// Loads and locks a link; another person's counts as missing (R29).
    pub fn load(tx: &mut Transaction<'_>, field: &str, id: LinkId, account: AccountId) -> ActionResult<Self> {
        store::dialect::lock_link(tx.db, id)?;
        let row =
            store::partner_link::find_for(tx.db, id, account)?.ok_or_else(|| Problem::not_found(field))?;
        let members = store::partner_link::members(tx.db, &[id])?;
        Ok(Self { key: link_key(tx.vault, &row)?, row, members })
    }

    /// As [`OwnLink::load`], and the link must be active.
    pub fn load_active(
        tx: &mut Transaction<'_>,
        field: &str,
        id: LinkId,
        account: AccountId,
    ) -> ActionResult<Self> {
        let link = Self::load(tx, field, id, account)?;
        if link.row.status == LinkStatus::Active {
            Ok(link)
        } else {
            Err(Problem::wrong_state(field, "This link is not active.").into())
        }
    }

    /// A scene of one's own links; locks its link.
    pub fn load_scene(
        tx: &mut Transaction<'_>,
        id: SceneId,
        account: AccountId,
    ) -> ActionResult<(Self, SceneRow)> {
        let missing = || Problem::not_found("sceneId");
        let link = store::scene::find_for(tx.db, id, account)?.ok_or_else(missing)?.link_id;
        let own = Self::load(tx, "sceneId", link, account)?;
        // Read again under the lock: the scene may have ended meanwhile.
        let row = store::scene::find_for(tx.db, id, account)?.ok_or_else(missing)?;
        Ok((own, row))
    }

    /// Both people's ids.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.members.iter().map(|member| member.account_id).collect()
    }
}

/// The problem for an action that does not fit the scene's status.
pub(in crate::actions) fn scene_refused() -> Problem {
    Problem::wrong_state("sceneId", "This does not fit where the scene stands.")
}

/// The AAD of one side's Needs.
pub fn needs_aad(link: LinkId, account: AccountId) -> Aad {
    Aad::pair("link_members", "needs", link.uuid(), account.uuid())
}
