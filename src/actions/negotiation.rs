//! Negotiation: write one's Needs, propose a Revision, agree to exactly its text, withdraw, read the history.

use super::partner_link::{OwnLink, needs_place};
use super::people::{Person, link_key};
use super::{Caller, Done, Fault, House, Outcome, Unit, hold, planning};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::{
    AgreeVerdict, CheckInProtocol, ContactWay, Content, Needs, PersonsNeeds, RevisionState, Terms, Yes,
    first_agreed, judge_yes, revision_state,
};
use crate::domain::partner_link::LinkStatus;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::revision_text::{KeptPart, join, split};
use crate::ids::{AccountId, AgreementId, LinkId, RevisionId, TypedId};
use crate::store;
use crate::store::negotiation::{AgreementRow, PartRow, RevisionRow};
use crate::store::partner_link::{LinkRow, MemberChange, MemberRow};
use crate::vault::{DataKey, Place, sha256};
use jiff::Timestamp;
use std::sync::Arc;

/// Most Revisions of one link.
const REVISIONS_MAX: i32 = 1000;

/// One yes.
#[derive(Clone, Debug)]
pub struct AgreementView {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub agreed_at: Timestamp,
    /// When it was taken back.
    pub withdrawn_at: Option<Timestamp>,
}

/// A Revision, opened.
#[derive(Clone, Debug)]
pub struct RevisionView {
    /// Its id.
    pub id: RevisionId,
    /// Its link.
    pub link: LinkId,
    /// Its number, from 1.
    pub number: i32,
    /// Who proposed it; None: an account that is gone.
    pub author: Option<AccountId>,
    /// When.
    pub created_at: Timestamp,
    /// The whole text.
    pub content: Content,
    /// What an agreement names, in lower-case hex.
    pub content_hash: String,
    /// Every yes, the oldest first.
    pub agreements: Vec<AgreementView>,
    /// Where it stands.
    pub state: RevisionState,
    /// The hash as it is stored.
    hash: Vec<u8>,
    /// When both first said yes to it.
    first_agreed: Option<Timestamp>,
    /// Whether every yes that sealed it still stands.
    sealed: bool,
}

impl RevisionView {
    /// What the partner may be told under this text, as long as both stand by it (R06, R13).
    pub fn standing_alert(&self) -> Option<ContactWay> {
        self.content.terms.partner_alert.filter(|_| self.sealed)
    }

    /// Whether both stood by it at `at`, and still do.
    fn stood_at(&self, at: Timestamp, members: &[AccountId]) -> bool {
        let stands = |yes: &AgreementView| yes.agreed_at <= at && yes.withdrawn_at.is_none();
        members.len() == 2
            && members.iter().all(|m| self.agreements.iter().any(|y| y.account == *m && stands(y)))
    }
}

fn content_place(id: RevisionId) -> Place {
    Place::new("revisions", "content", id.uuid())
}

fn part_place(id: RevisionId, account: AccountId) -> Place {
    Place::pair("revision_parts", "content", id.uuid(), account.uuid())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Revision's row with what its yeses say about it.
struct Standing {
    row: RevisionRow,
    yeses: Vec<AgreementRow>,
    state: RevisionState,
    first_agreed: Option<Timestamp>,
    sealed: bool,
}

/// Where the Revisions of some links stand, the newest of each first, without a look at what they say.
fn standings(db: &mut store::Db, links: &[LinkId], sides: &[MemberRow]) -> Result<Vec<Standing>, Fault> {
    let rows = store::negotiation::list(db, links)?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let all = store::negotiation::agreements(db, &ids)?;
    let (mut link, mut members, mut replaced) = (None, Vec::new(), false);
    let mut standings = Vec::with_capacity(rows.len());
    for row in rows {
        let newest = link != Some(row.link_id);
        if newest {
            let own = sides.iter().filter(|side| side.link_id == row.link_id);
            (link, members, replaced) = (Some(row.link_id), own.map(|side| side.account_id).collect(), false);
        }
        let yeses: Vec<_> = all.iter().filter(|yes| yes.revision_id == row.id).cloned().collect();
        let marks: Vec<Yes> = yeses
            .iter()
            .map(|yes| Yes {
                account: yes.account_id,
                from: yes.agreed_at.get(),
                until: yes.withdrawn_at.map(|at| at.get()),
            })
            .collect();
        let state = row.final_state.unwrap_or_else(|| revision_state(&marks, &members, newest, replaced));
        let first_agreed = first_agreed(&marks, &members);
        let sealed = members.len() == 2
            && members.iter().all(|m| marks.iter().any(|yes| yes.account == *m && yes.until.is_none()));
        replaced |= first_agreed.is_some();
        standings.push(Standing { row, yeses, state, first_agreed, sealed });
    }
    Ok(standings)
}

/// Keeps where a link's Revisions stand, before the yeses of one of the two go (R27).
pub(super) fn settle(db: &mut store::Db, link: LinkId) -> Result<(), Fault> {
    let members = store::partner_link::members(db, &[link])?;
    for Standing { row, state, .. } in standings(db, &[link], &members)? {
        store::negotiation::settle(db, row.id, state)?;
    }
    Ok(())
}

/// A link's Revisions, the newest first.
pub fn history(unit: &mut Unit<'_>, link: &LinkRow, key: &DataKey) -> Result<Vec<RevisionView>, Fault> {
    histories(unit, &[(link.id, key)])
}

/// The Revisions of some links, the newest of each first: in a fixed number of statements.
fn histories(unit: &mut Unit<'_>, links: &[(LinkId, &DataKey)]) -> Result<Vec<RevisionView>, Fault> {
    let ids: Vec<_> = links.iter().map(|(id, _)| *id).collect();
    let sides = store::partner_link::members(unit.db, &ids)?;
    let standings = standings(unit.db, &ids, &sides)?;
    if standings.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = standings.iter().map(|standing| standing.row.id).collect();
    let parts = store::negotiation::parts(unit.db, &ids)?;
    let members: Vec<_> = sides.iter().map(|side| side.account_id).collect();
    let people = store::account::find_all(unit.db, &members)?
        .into_iter()
        .map(|row| Person::open(unit.vault, row))
        .collect::<Result<Vec<_>, _>>()?;
    let mut views = Vec::with_capacity(standings.len());
    for Standing { row, yeses, state, first_agreed, sealed } in standings {
        let mut kept = Vec::with_capacity(2);
        for part in parts.iter().filter(|part| part.revision_id == row.id) {
            let author = people.iter().find(|person| person.row.id == part.account_id);
            let author = author.ok_or(Fault::Inconsistent("words without their author"))?;
            kept.push(KeptPart {
                side: usize::try_from(part.side).unwrap_or(usize::MAX),
                account: part.account_id,
                bytes: author.key.open(part_place(row.id, part.account_id), &part.content)?,
            });
        }
        let key = links.iter().find(|(id, _)| *id == row.link_id).map(|(_, key)| *key);
        let key = key.ok_or(Fault::Inconsistent("a Revision of a link that was not asked for"))?;
        let frame = key.open(content_place(row.id), &row.content)?;
        let content = join(&frame, &row.content_hash, &kept);
        views.push(RevisionView {
            id: row.id,
            link: row.link_id,
            number: row.number,
            author: row.author_id,
            created_at: row.created_at.get(),
            content: content.ok_or(Fault::Inconsistent("a Revision that is not what its hash says"))?,
            content_hash: hex(&row.content_hash),
            hash: row.content_hash,
            agreements: yeses
                .iter()
                .map(|yes| AgreementView {
                    account: yes.account_id,
                    agreed_at: yes.agreed_at.get(),
                    withdrawn_at: yes.withdrawn_at.map(|at| at.get()),
                })
                .collect(),
            state,
            first_agreed,
            sealed,
        });
    }
    Ok(views)
}

/// The Revision that a scene which began at `at` stood under: the newest that both had agreed to before it began,
/// unless it was withdrawn. An older one that it had replaced does not stand in for it (R06).
pub fn standing_at(
    unit: &mut Unit<'_>,
    link: &OwnLink,
    at: Timestamp,
) -> Result<Option<RevisionView>, Fault> {
    let members = link.accounts();
    let all = history(unit, &link.row, &link.key)?;
    let newest = all.into_iter().find(|revision| revision.first_agreed.is_some_and(|agreed| agreed <= at));
    Ok(newest.filter(|revision| revision.stood_at(at, &members)))
}

/// Writes one's own Needs on a link (R07). They become part of the next Revision.
pub async fn write_needs(house: &Arc<House>, by: &Caller, link: LinkId, needs: Needs) -> Outcome<LinkId> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    let needs = needs.checked(&mut checks, "needs");
    checks.finish(())?;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let own = OwnLink::load_active(unit, "linkId", link, account)?;
            hold::refuse_if_held(unit, account)?;
            let sealed = own.key.seal_json(needs_place(link, account), &needs)?;
            let change = MemberChange {
                needs: Some(Some(sealed)),
                needs_written_at: Some(Some(unit.ts())),
                ..Default::default()
            };
            store::partner_link::update_member(unit.db, link, account, &change)?;
            unit.tell(&[account], ChangeKind::LinkChanged, link);
            Ok(link)
        })
        .await
}

/// What is proposed besides both people's Needs.
pub struct Proposal {
    /// On which link.
    pub link: LinkId,
    /// The Revision that the proposer had before their eyes; None: there was none.
    pub based_on: Option<RevisionId>,
    /// Limits, in their words.
    pub limits: String,
    /// The signal that stops everything.
    pub stop_signal: String,
    /// Offsets in minutes; None: the default protocol.
    pub protocol: Option<Vec<i32>>,
    /// How and when they want to be in touch.
    pub contact_plan: String,
    /// What a partner may be told would be welcome.
    pub partner_alert: Option<ContactWay>,
}

/// Proposes a Revision: both people's Needs as they are now, and the terms. Nobody edits one that exists (R07).
pub async fn propose(house: &Arc<House>, by: &Caller, input: Proposal) -> Outcome<Done<RevisionView>> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    let protocol = match input.protocol {
        Some(minutes) => CheckInProtocol::parse(&mut checks, "terms.protocol", minutes),
        None => CheckInProtocol::default(),
    };
    let terms = Terms {
        limits: input.limits,
        stop_signal: input.stop_signal,
        protocol,
        contact_plan: input.contact_plan,
        partner_alert: input.partner_alert,
    }
    .checked(&mut checks, "terms");
    checks.finish(())?;
    let (link, based_on) = (input.link, input.based_on);
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let own = OwnLink::load_active(unit, "linkId", link, account)?;
            hold::refuse_if_held(unit, account)?;
            let latest = history(unit, &own.row, &own.key)?.into_iter().next();
            if latest.as_ref().map(|revision| revision.id) != based_on {
                let sentence = "There is a newer Revision. Please read it first.";
                return Err(Problem::new("basedOn", ProblemCode::Changed, sentence).into());
            }
            let number = latest.as_ref().map_or(0, |revision| revision.number) + 1;
            if number > REVISIONS_MAX {
                return Err(Problem::wrong_state("linkId", "This link has too many Revisions.").into());
            }
            let people: Vec<_> = own.members.iter().map(|member| member.account_id).collect();
            let held = hold::held(unit, &people)?;
            let mut needs = Vec::new();
            for member in &own.members {
                // Of somebody on hold nothing new comes out: their Needs stay as they were proposed last.
                if held.contains(&member.account_id) {
                    let mut said = latest.iter().flat_map(|latest| &latest.content.needs);
                    let last = said.find(|part| part.account == Some(member.account_id));
                    let needs_then = last.and_then(|part| part.needs.clone());
                    needs.push(PersonsNeeds { account: Some(member.account_id), needs: needs_then });
                    continue;
                }
                let place = needs_place(link, member.account_id);
                let written =
                    member.needs.as_deref().map(|sealed| own.key.open_json(place, sealed)).transpose()?;
                needs.push(PersonsNeeds { account: Some(member.account_id), needs: written });
            }
            let content = Content { link, number, needs, terms, terms_erased: false };
            let says_the_same = |latest: &RevisionView| {
                same_words(&latest.content, &content)
                    && matches!(latest.state, RevisionState::Proposed | RevisionState::Agreed)
            };
            if let Some(latest) = latest.filter(says_the_same) {
                return Ok(Done::already(latest));
            }
            let id = RevisionId::at(unit.now);
            let text = split(&content, account, rand::random)
                .map_err(|_| Fault::Inconsistent("a text without a form"))?;
            let mut parts = Vec::with_capacity(2);
            for (side, (author, words)) in (0..).zip(text.parts) {
                let key = Person::load(unit, author)?.key;
                let content = key.seal(part_place(id, author), &words)?;
                parts.push(PartRow { revision_id: id, account_id: author, side, content });
            }
            let row = RevisionRow {
                id,
                link_id: link,
                number,
                author_id: Some(account),
                content: own.key.seal(content_place(id), &text.frame)?,
                content_hash: sha256(&text.frame),
                created_at: unit.ts(),
                final_state: None,
            };
            store::negotiation::insert(unit.db, &row, &parts)?;
            unit.tell(&own.accounts(), ChangeKind::RevisionProposed, id);
            let proposed = history(unit, &own.row, &own.key)?.into_iter().next();
            Ok(Done::now(proposed.ok_or(Fault::Inconsistent("a Revision that vanished"))?))
        })
        .await
}

fn same_words(a: &Content, b: &Content) -> bool {
    a.needs == b.needs && a.terms == b.terms
}

/// A Revision of one's own link, with the link locked.
fn load_revision(
    unit: &mut Unit<'_>,
    id: RevisionId,
    account: AccountId,
) -> Outcome<(OwnLink, Vec<RevisionView>)> {
    let missing = || Problem::not_found("revisionId");
    let row = store::negotiation::find_for(unit.db, id, account)?.ok_or_else(missing)?;
    let link = OwnLink::load(unit, "revisionId", row.link_id, account)?;
    let all = history(unit, &link.row, &link.key)?;
    Ok((link, all))
}

fn pick(all: Vec<RevisionView>, id: RevisionId) -> Result<RevisionView, Fault> {
    all.into_iter().find(|revision| revision.id == id).ok_or(Fault::Inconsistent("a Revision that vanished"))
}

/// Says yes to a Revision by the hash of its text (R08).
pub async fn agree(
    house: &Arc<House>,
    by: &Caller,
    id: RevisionId,
    content_hash: String,
) -> Outcome<Done<RevisionView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (link, all) = load_revision(unit, id, account)?;
            if link.row.status != LinkStatus::Active {
                return Err(Problem::wrong_state("revisionId", "This link is not active.").into());
            }
            hold::refuse_if_held(unit, account)?;
            let is_latest = all.first().is_some_and(|latest| latest.id == id);
            let revision = pick(all, id)?;
            let stands = |yes: &AgreementView| yes.account == account && yes.withdrawn_at.is_none();
            let verdict = judge_yes(
                revision.content_hash == content_hash.trim().to_ascii_lowercase(),
                is_latest,
                revision.agreements.iter().any(stands),
            );
            match verdict {
                AgreeVerdict::Already => Ok(Done::already(revision)),
                AgreeVerdict::OtherText => {
                    let sentence = "This is not the hash of the Revision's text. Please read it again.";
                    Err(Problem::new("contentHash", ProblemCode::Changed, sentence).into())
                }
                AgreeVerdict::Superseded => {
                    let sentence = "A newer Revision was proposed. Please read that one.";
                    Err(Problem::new("revisionId", ProblemCode::Changed, sentence).into())
                }
                AgreeVerdict::Take => {
                    let row = AgreementRow {
                        id: AgreementId::at(unit.now),
                        revision_id: id,
                        account_id: account,
                        content_hash: revision.hash,
                        agreed_at: unit.ts(),
                        withdrawn_at: None,
                    };
                    store::negotiation::agree(unit.db, &row)?;
                    let now_stands = pick(history(unit, &link.row, &link.key)?, id)?;
                    planning::review_alerts(unit, link.row.id)?;
                    unit.tell(&link.accounts(), ChangeKind::RevisionChanged, id);
                    Ok(Done::now(now_stands))
                }
            }
        })
        .await
}

/// Takes one's yes back: new scenes no longer stand under the text, and alerts stop at once (R06). With the link all
/// of that has stopped already, and the other learns nothing more (R12).
pub async fn withdraw(house: &Arc<House>, by: &Caller, id: RevisionId) -> Outcome<Done<RevisionView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (link, all) = load_revision(unit, id, account)?;
            let now = unit.ts();
            if link.row.status == LinkStatus::Ended
                || !store::negotiation::withdraw(unit.db, id, account, now)?
            {
                return Ok(Done::already(pick(all, id)?));
            }
            planning::review_alerts(unit, link.row.id)?;
            unit.tell(&link.accounts(), ChangeKind::RevisionChanged, id);
            Ok(Done::now(pick(history(unit, &link.row, &link.key)?, id)?))
        })
        .await
}

/// The Revisions of one's own link, the newest first; None: no such link.
pub async fn read(house: &Arc<House>, account: AccountId, link: LinkId) -> Result<Vec<RevisionView>, Fault> {
    house
        .read_tx(move |unit| {
            let Some(row) = store::partner_link::find_for(unit.db, link, account)? else {
                return Ok(Vec::new());
            };
            let key = link_key(unit.vault, &row)?;
            history(unit, &row, &key)
        })
        .await
}

/// The Revisions of some links of one's own, the newest of each first; those of others are left out.
pub async fn of_links(
    house: &Arc<House>,
    account: AccountId,
    links: Vec<LinkId>,
) -> Result<Vec<RevisionView>, Fault> {
    house
        .read_tx(move |unit| {
            let sides = store::partner_link::members(unit.db, &links)?;
            let own: Vec<_> = sides.iter().filter(|s| s.account_id == account).map(|s| s.link_id).collect();
            let rows = store::partner_link::find_all(unit.db, &own)?;
            let keys = rows.iter().map(|row| Ok((row.id, link_key(unit.vault, row)?)));
            let keys = keys.collect::<Result<Vec<_>, Fault>>()?;
            histories(unit, &keys.iter().map(|(id, key)| (*id, key)).collect::<Vec<_>>())
        })
        .await
}

/// One Revision of one's own links.
pub async fn find(
    house: &Arc<House>,
    account: AccountId,
    id: RevisionId,
) -> Result<Option<RevisionView>, Fault> {
    house
        .read_tx(move |unit| {
            let Some(row) = store::negotiation::find_for(unit.db, id, account)? else { return Ok(None) };
            let Some(link) = store::partner_link::find_for(unit.db, row.link_id, account)? else {
                return Ok(None);
            };
            let key = link_key(unit.vault, &link)?;
            Ok(history(unit, &link, &key)?.into_iter().find(|revision| revision.id == id))
        })
        .await
}
