//! Pleas: "I would like to hear from you", asked and taken back by hand (R37).

use crate::actions::accounts::suspension;
use crate::actions::client_id::{self, Claim};
use crate::actions::links::locked_link::OwnLink;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Refusal, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::nudge::{About, Channel, DropReason};
use crate::domain::plea::{A_DAY, OPEN_FOR, PleaState, TAKE_BACK, state};
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, LinkId, PleaId, SceneId};
use crate::store;
use crate::store::nudge::NudgeRow;
use crate::store::plea::PleaRow;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How many pleas can be made within a day, those that were taken back included.
const WITH_TAKEN_BACK: usize = 12;
/// How many pleas are listed at once: all of a day and then some.
const LISTED: i64 = 20;

/// A plea as its author sees it. The other person's side is not in it.
#[derive(Clone, Debug)]
pub struct PleaView {
    /// Its id.
    pub id: PleaId,
    /// Its link.
    pub link: LinkId,
    /// The scene that it was made from.
    pub scene: Option<SceneId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: PleaState,
}

fn view(row: &PleaRow, now: Timestamp) -> PleaView {
    PleaView {
        id: row.id,
        link: row.link_id,
        scene: row.scene_id,
        created_at: row.created_at.get(),
        state: state(row.created_at.get(), row.taken_back_at.is_some(), now),
    }
}

/// Where a plea is made from.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// A link.
    Link(LinkId),
    /// A scene, whose link it is then.
    Scene(SceneId),
}

/// Asks the partner to get in touch. It goes out in two minutes, and until then it can be taken back; made again before
/// that, it stays one. Asked again under its client id, it is what it is now; None: it is gone.
pub async fn ask(
    context: &Arc<AppContext>,
    by: &Caller,
    client_id: Option<String>,
    from: From,
) -> ActionResult<Done<Option<PleaView>>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let free = match client_id::claim(tx, account, client_id)? {
                Claim::Made(plea) => {
                    let row = store::plea::find(tx.db, plea)?;
                    return Ok(Done::already(row.map(|row| view(&row, tx.now))));
                }
                Claim::Free(free) => free,
            };
            let Done { value, changed } = ask_now(tx, from, account).map_err(in_partner_of)?;
            // Also one that was under way already: asked again weeks later, it must not go out anew.
            free.note(tx, value.id)?;
            Ok(Done { value: Some(value), changed })
        })
        .await
}

/// Names the field of `askPartner` that a problem of the link or scene is about.
fn in_partner_of(refusal: Refusal) -> Refusal {
    let named =
        |problem: Problem| if problem.field == "input" { problem } else { problem.inside("partnerOf") };
    match refusal {
        Refusal::Problems(problems) => Refusal::Problems(problems.into_iter().map(named).collect()),
        other => other,
    }
}

/// As [`ask`], within a transaction.
pub(in crate::actions) fn ask_now(
    tx: &mut Transaction<'_>,
    from: From,
    account: AccountId,
) -> ActionResult<Done<PleaView>> {
    let (link, scene) = match from {
        From::Link(id) => (OwnLink::load_active(tx, "linkId", id, account)?, None),
        From::Scene(id) => {
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            (link, Some(row.id))
        }
    };
    if link.row.ended_at.is_some() {
        return Err(Problem::wrong_state("sceneId", "This link is not active.").into());
    }
    suspension::refuse_if_suspended(tx, account)?;
    let other = link.accounts().into_iter().find(|member| *member != account);
    let recipient = other.ok_or(Fault::Inconsistent("an active link without the other person"))?;
    let since = tx.now - SignedDuration::from_hours(24);
    let today = store::plea::of_author(tx.db, &[link.row.id], account, since.into(), i64::MAX)?;
    let standing: Vec<_> = today.iter().filter(|row| row.taken_back_at.is_none()).collect();
    if let Some(waiting) = standing.iter().find(|row| tx.now < row.created_at.get() + TAKE_BACK) {
        return Ok(Done::already(view(waiting, tx.now)));
    }
    // Taking back again and again does not make room for more.
    let full = standing.len() >= A_DAY || today.len() >= WITH_TAKEN_BACK;
    if full {
        let sentence = format!(
            "You can ask {A_DAY} times within a day, and you did. If you need somebody now, please call one of the help lines."
        );
        return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
    }
    let row = PleaRow {
        id: PleaId::at(tx.now, tx.chance),
        link_id: link.row.id,
        scene_id: scene,
        author_id: account,
        created_at: tx.ts(),
        taken_back_at: None,
    };
    store::plea::insert(tx.db, &row)?;
    let times = ((tx.now + TAKE_BACK).into(), (tx.now + TAKE_BACK + OPEN_FOR).into());
    let about = About::Plea(row.id);
    let nudge = NudgeRow::waiting(about, Channel::Push, Some(recipient), times, tx.now, tx.chance);
    store::nudge::plan(tx.db, &[nudge])?;
    tx.tell(&[account], ChangeKind::LinkChanged, link.row.id);
    Ok(Done::now(view(&row, tx.now)))
}

/// As [`ask_now`], beside something else that is done whatever comes of it: a refusal is a value.
pub(in crate::actions) fn ask_beside(
    tx: &mut Transaction<'_>,
    from: From,
    account: AccountId,
) -> ActionResult<Result<PleaView, Vec<Problem>>> {
    match ask_now(tx, from, account) {
        Ok(done) => Ok(Ok(done.value)),
        Err(Refusal::Problems(problems)) => Ok(Err(problems)),
        Err(other) => Err(other),
    }
}

/// Whether a person asked the partner of a link since then, and did not take it back.
pub(in crate::actions) fn asked_since(
    tx: &mut Transaction<'_>,
    link: LinkId,
    author: AccountId,
    since: Timestamp,
) -> Result<bool, Fault> {
    let rows = store::plea::of_author(tx.db, &[link], author, since.into(), i64::MAX)?;
    Ok(rows.iter().any(|row| row.taken_back_at.is_none()))
}

/// The latest plea that a person made since then to the partner of a scene, taken back or not.
pub(in crate::actions) fn made_since(
    tx: &mut Transaction<'_>,
    scene: SceneId,
    author: AccountId,
    since: Timestamp,
) -> Result<Option<PleaView>, Fault> {
    let link = store::scene::find_for(tx.db, scene, author)?.and_then(|row| row.link_id);
    let links: Vec<_> = link.into_iter().collect();
    let rows = store::plea::of_author(tx.db, &links, author, since.into(), 1)?;
    Ok(rows.first().map(|row| view(row, tx.now)))
}

/// Takes a plea back, within two minutes; the other never hears of it.
pub async fn take_back(context: &Arc<AppContext>, by: &Caller, id: PleaId) -> ActionResult<Done<PleaView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let own = |row: &PleaRow| row.author_id == account;
            let missing = || Problem::not_found("pleaId");
            let link = store::plea::find(tx.db, id)?.filter(own).ok_or_else(missing)?.link_id;
            OwnLink::load(tx, "pleaId", link, account)?;
            // Read again under the lock.
            let row = store::plea::find(tx.db, id)?.filter(own).ok_or_else(missing)?;
            let now = view(&row, tx.now);
            match now.state {
                PleaState::TakenBack => Ok(Done::already(now)),
                PleaState::Sent => {
                    let sentence = "It was sent already. What you can do is tell them yourself.";
                    Err(Problem::wrong_state("pleaId", sentence).into())
                }
                PleaState::CanBeTakenBack => {
                    let at = tx.ts();
                    store::plea::take_back(tx.db, id, at)?;
                    store::nudge::drop_plea(tx.db, id, DropReason::NotConsented, at)?;
                    tx.tell(&[account], ChangeKind::LinkChanged, link);
                    Ok(Done::now(PleaView { state: PleaState::TakenBack, ..now }))
                }
            }
        })
        .await
}

/// A person's own pleas on a link of the last days, the latest first.
pub async fn list(
    context: &Arc<AppContext>,
    account: AccountId,
    link: LinkId,
) -> Result<Vec<PleaView>, Fault> {
    context
        .read_tx(move |tx| {
            let since = (tx.now - SignedDuration::from_hours(7 * 24)).into();
            let rows = store::plea::of_author(tx.db, &[link], account, since, LISTED)?;
            Ok(rows.iter().map(|row| view(row, tx.now)).collect())
        })
        .await
}

/// One's own plea.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: PleaId,
) -> Result<Option<PleaView>, Fault> {
    context
        .read_tx(move |tx| {
            let found = store::plea::find(tx.db, id)?.filter(|row| row.author_id == account);
            Ok(found.map(|row| view(&row, tx.now)))
        })
        .await
}
