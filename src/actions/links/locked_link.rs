//! A link, locked by one transaction for one of its two people; found by its own id or by one of its scenes.

use crate::actions::accounts::people::link_key;
use crate::actions::{ActionResult, Transaction};
use crate::domain::partner_link::LinkState;
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
        Ok(Self { key: link_key(tx.vault, &row), row, members })
    }

    /// As [`OwnLink::load`], and the link must be active.
    pub fn load_active(
        tx: &mut Transaction<'_>,
        field: &str,
        id: LinkId,
        account: AccountId,
    ) -> ActionResult<Self> {
        let link = Self::load(tx, field, id, account)?;
        if link.row.status == LinkState::Active {
            Ok(link)
        } else {
            Err(Problem::wrong_state(field, "This link is not active.").into())
        }
    }

    /// A scene of one's own links, which it locks; what is done with it needs the other person.
    pub fn load_scene(
        tx: &mut Transaction<'_>,
        id: SceneId,
        account: AccountId,
    ) -> ActionResult<(Self, SceneRow)> {
        match OwnScene::load(tx, id, account)? {
            OwnScene { participants: Participants::Both(link), row } => Ok((*link, row)),
            OwnScene { participants: Participants::Alone(_), .. } => {
                Err(Problem::wrong_state("sceneId", "This scene is of you alone.").into())
            }
        }
    }

    /// Both people's ids.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.members.iter().map(|member| member.account_id).collect()
    }
}

/// Who takes part in a scene.
pub enum Participants {
    /// The two people of a link, which is locked.
    Both(Box<OwnLink>),
    /// One person alone, who is locked.
    Alone(AccountId),
}

impl From<OwnLink> for Participants {
    fn from(link: OwnLink) -> Self {
        Self::Both(Box::new(link))
    }
}

impl Participants {
    /// Loads and locks an active link; None: the scene is to be of the person alone.
    pub fn load_active(
        tx: &mut Transaction<'_>,
        link: Option<LinkId>,
        account: AccountId,
    ) -> ActionResult<Self> {
        match link {
            Some(link) => OwnLink::load_active(tx, "linkId", link, account).map(Self::from),
            None => {
                store::dialect::lock_account(tx.db, account)?;
                Ok(Self::Alone(account))
            }
        }
    }

    /// The link, if there is one.
    pub fn link(&self) -> Option<&OwnLink> {
        match self {
            Self::Both(link) => Some(link),
            Self::Alone(_) => None,
        }
    }

    /// The ids of those who took part.
    pub fn accounts(&self) -> Vec<AccountId> {
        match self {
            Self::Both(link) => link.accounts(),
            Self::Alone(account) => vec![*account],
        }
    }

    /// Whether it is of a link that has ended.
    pub fn has_ended(&self) -> bool {
        self.link().is_some_and(|link| link.row.ended_at.is_some())
    }
}

/// A scene that a person took part in.
pub struct OwnScene {
    /// Who takes part in it.
    pub participants: Participants,
    /// The row.
    pub row: SceneRow,
}

impl OwnScene {
    /// Loads a scene and locks whose it is; one without this person counts as missing (R29).
    pub fn load(tx: &mut Transaction<'_>, id: SceneId, account: AccountId) -> ActionResult<Self> {
        let missing = || Problem::not_found("sceneId");
        let participants = match store::scene::find_for(tx.db, id, account)?.ok_or_else(missing)?.link_id {
            Some(link) => OwnLink::load(tx, "sceneId", link, account)?.into(),
            None => {
                store::dialect::lock_account(tx.db, account)?;
                Participants::Alone(account)
            }
        };
        // Read again under the lock: the scene may have ended meanwhile.
        let row = store::scene::find_for(tx.db, id, account)?.ok_or_else(missing)?;
        Ok(Self { participants, row })
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
