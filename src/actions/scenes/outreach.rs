//! Outreach: one of the two got in touch, and wrote it down.

use crate::actions::accounts::suspension;
use crate::actions::client_id::{self, Claim};
use crate::actions::links::locked_link::{OwnLink, scene_refused};

use crate::actions::scenes::view::{Written, current, view};
use crate::actions::{ActionResult, AppContext, Caller, Done};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::ContactWay;
use crate::domain::problem::Problem;
use crate::domain::scene::{SceneState, check_past};
use crate::ids::{OutreachId, SceneId};
use crate::store;
use crate::store::scene::OutreachRow;
use jiff::Timestamp;
use std::sync::Arc;

/// Maximum number of entries per scene.
const ENTRIES_MAX: usize = 200;

/// Records that the person reached out to the partner. Asked again under its client id, the scene is what it is now; None:
/// what was recorded is gone.
pub async fn record(
    context: &Arc<AppContext>,
    by: &Caller,
    client_id: Option<String>,
    id: SceneId,
    way: ContactWay,
    happened_at: Option<Timestamp>,
) -> ActionResult<Done<Option<Written<OutreachId>>>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let free = match client_id::claim(tx, account, client_id)? {
                Claim::Made(outreach) => {
                    let scene = store::scene::of_outreach(tx.db, outreach)?;
                    let scene = current(tx, scene, account)?;
                    return Ok(Done::already(scene.map(|scene| Written { scene, entry: outreach })));
                }
                Claim::Free(free) => free,
            };
            let happened_at = check_past("happenedAt", happened_at.unwrap_or(tx.now), tx.now)?;
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            if row.status != SceneState::Ended || link.row.ended_at.is_some() {
                return Err(scene_refused().into());
            }
            if store::scene::outreaches(tx.db, &[id])?.len() >= ENTRIES_MAX {
                return Err(Problem::wrong_state("sceneId", "Enough is written down for this scene.").into());
            }
            let outreach = OutreachRow {
                id: OutreachId::at(tx.now, tx.chance),
                scene_id: id,
                account_id: account,
                way,
                happened_at: happened_at.into(),
                created_at: tx.ts(),
            };
            store::scene::insert_outreach(tx.db, &outreach)?;
            free.note(tx, outreach.id)?;
            for member in link.accounts() {
                let own = member == account;
                let kind = if own { ChangeKind::SceneChanged } else { ChangeKind::PartnerReachedOut };
                tx.tell(&[member], kind, id);
            }
            Ok(Done::now(Some(Written { scene: view(tx, row, account)?, entry: outreach.id })))
        })
        .await
}
