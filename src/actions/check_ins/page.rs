//! The pages behind links in nudges and mails: a token allows this one thing and signs nobody in.

use crate::actions::accounts::{account, suspension};
use crate::actions::check_ins::check_in::{answer_now, put_off_now, skip_now};
use crate::actions::links::plea;
use crate::actions::{ActionResult, AppContext, Fault, Refusal, Transaction, Visitor};
use crate::auth::tokens::opaque_hash;
use crate::domain::account::FURTHER_NOTICE;
use crate::domain::attempt::Attempt;
use crate::domain::change::ChangeKind;
use crate::domain::check_in::{CheckInState, check_snooze};
use crate::domain::help_line::{self, HelpLine};
use crate::domain::page::{CHOICES_FOR, PagePurpose, answer_ends};
use crate::domain::problem::Checks;
use crate::ids::{SessionId, TypedId};
use crate::store;
use crate::store::account::{AccountChange, AccountRow};
use crate::store::check_in::CheckInRow;
use crate::store::nudge::NudgeRow;
use crate::store::page_token::PageTokenRow;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

pub use crate::domain::account::AnswerSharing;
pub use crate::domain::answer::{AnswerContent, NoticedSign, Sign, SignDegree};
pub use crate::domain::page::{Offered, PauseChoice};
pub use crate::domain::problem::{Problem, ProblemCode};

/// A token and the row by which it is found.
pub struct PageToken {
    /// The token in the link; not stored.
    pub token: String,
    /// What is stored: the token's hash.
    pub row: PageTokenRow,
}

impl PageToken {
    /// The token in the footer of a mail, to choose which nudges come.
    pub fn to_choose(tx: &Transaction<'_>, nudge: &NudgeRow, recipient: &AccountRow) -> Self {
        let ends = tx.now + CHOICES_FOR;
        Self::derived(tx, PagePurpose::Choices, (nudge.id.uuid(), "0"), recipient, None, ends)
    }

    /// Derived, so that a resent nudge has the same link (R14) and the token need not be stored.
    fn derived(
        tx: &Transaction<'_>,
        purpose: PagePurpose,
        (id, about): (uuid::Uuid, &str),
        account: &AccountRow,
        session_id: Option<SessionId>,
        expires_at: Timestamp,
    ) -> Self {
        let link_epoch = account.link_epoch;
        let sent_to = session_id.map_or_else(|| "mail".to_owned(), |session| session.to_string());
        let token = tx.vault.derived_token(&format!("{} {link_epoch} {sent_to} {about}", purpose.word()), id);
        let row = PageTokenRow {
            token_hash: opaque_hash(&token),
            purpose,
            account_id: account.id,
            check_in_id: None,
            session_id,
            link_epoch,
            created_at: tx.ts(),
            expires_at: expires_at.into(),
            round: 0,
            attempt_hash: None,
            number: 0,
        };
        Self { token, row }
    }
}

/// The token to answer check-ins, at least one: the same in every push of a round to the devices of one session, and in
/// every mail of it (`session` is None). A snooze begins the next round, with another token. Whoever ends that session ends
/// the token. Returns the token and its rows, one for each question.
pub(in crate::actions) fn to_answer(
    tx: &Transaction<'_>,
    questions: &[&CheckInRow],
    subject: &AccountRow,
    session: Option<SessionId>,
) -> (String, Vec<PageTokenRow>) {
    let first = questions.first().map_or_else(uuid::Uuid::nil, |row| row.id.uuid());
    let others = questions.iter().skip(1).map(|row| format!(" {}:{}", row.id, row.round)).collect::<String>();
    let about = format!("{}{others}", questions.first().map_or(0, |row| row.round));
    let ends = questions.iter().map(|row| answer_ends(row.due_at.get())).max().unwrap_or(tx.now);
    let made = PageToken::derived(tx, PagePurpose::Answer, (first, &about), subject, session, ends);
    let row = |(number, row): (i32, &&CheckInRow)| PageTokenRow {
        check_in_id: Some(row.id),
        round: row.round,
        expires_at: answer_ends(row.due_at.get()).into(),
        number,
        ..made.row.clone()
    };
    let rows = (0..).zip(questions).map(row).collect();
    (made.token, rows)
}

fn find(
    tx: &mut Transaction<'_>,
    purpose: PagePurpose,
    (token, number): (&str, i32),
) -> Result<Option<PageTokenRow>, Fault> {
    let now = tx.ts();
    Ok(store::page_token::find(tx.db, purpose, (&opaque_hash(token), number), now)?)
}

/// What came of a reply. Whoever did not send it learns nothing of the check-in: where nothing was done, the reasons
/// look alike (R29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replied {
    /// The check-in was answered or skipped by this reply, now or when it was first sent.
    Settled,
    /// It was answered, and the partner was asked to get in touch.
    Asked,
    /// It was answered, and the partner was not asked: that was done often enough today, or there is nobody to ask.
    NotAsked,
    /// It was snoozed.
    PutOff,
    /// Nothing was done: the token is unknown or used, it is too late for this, or nothing of the person is worked on.
    Nothing,
}

/// What the page does with a check-in.
#[derive(Clone)]
pub enum Reply {
    /// Answers it; `share` None takes the person's default (R09). Whether the partner is asked to get in touch (R37).
    Answer(AnswerContent, Option<AnswerSharing>, bool),
    /// Asks the partner to get in touch, after this link and this attempt answered it.
    Plea,
    /// Skips it.
    Skip,
    /// Snoozes it by so many minutes.
    Later(i32),
}

impl Reply {
    /// Checks what can be checked without the check-in, so that the problems of a reply tell nothing of it.
    fn checked(self) -> Result<Self, Refusal> {
        let mut checks = Checks::new();
        let checked = match self {
            Self::Answer(content, share, plea) => Self::Answer(content.checked(&mut checks), share, plea),
            Self::Plea => Self::Plea,
            Self::Later(minutes) => {
                check_snooze(&mut checks, minutes);
                Self::Later(minutes)
            }
            Self::Skip => Self::Skip,
        };
        Ok(checks.finish(checked)?)
    }
}

/// The row of an answering token, and its check-in; None if nothing may be done by it.
fn read(
    tx: &mut Transaction<'_>,
    question: (&str, i32),
) -> Result<Option<(PageTokenRow, CheckInRow)>, Fault> {
    let Some(found) = find(tx, PagePurpose::Answer, question)? else { return Ok(None) };
    // The page must not reveal a withdrawn consent or a pending erasure.
    if !suspension::suspended(tx, &[found.account_id])?.is_empty() {
        return Ok(None);
    }
    let Some(id) = found.check_in_id else { return Ok(None) };
    Ok(store::check_in::find_for(tx.db, id, found.account_id)?.map(|row| (found, row)))
}

/// Answers, skips or snoozes by a link's token, and which of its questions it is, from 0; a settled check-in stays as it is.
/// Sent again with the same attempt, a reply is what it was.
///
/// # Errors
/// The problems of the reply itself, whatever the token.
pub async fn reply(
    context: &Arc<AppContext>,
    by: &Visitor,
    (token, question): (String, i32),
    reply: Reply,
    attempt: Option<String>,
) -> ActionResult<Replied> {
    let reply = reply.checked()?;
    let attempt = attempt.map(Attempt::parse).transpose()?;
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let replied = context.write_tx(None, move |tx| {
        let Some((found, _)) = read(tx, (&token, question))? else { return Ok(Replied::Nothing) };
        store::dialect::lock_account(tx.db, found.account_id)?;
        // Read again under the lock: another press of the button may have come first.
        let Some((found, row)) = read(tx, (&token, question))? else { return Ok(Replied::Nothing) };
        let attempt = attempt.map(|attempt| opaque_hash(attempt.as_str()));
        // A reply uses the link up, putting off included: whoever has it cannot ask again and again.
        if row.state != CheckInState::Unanswered || row.round != found.round {
            let same = attempt.is_some() && attempt == found.attempt_hash;
            return match reply {
                Reply::Later(_) if same => Ok(Replied::PutOff),
                Reply::Answer(_, _, true) if same => {
                    Ok(if was_asked(tx, &row)? { Replied::Asked } else { Replied::NotAsked })
                }
                Reply::Answer(..) | Reply::Skip if same => Ok(Replied::Settled),
                Reply::Plea if same && was_asked(tx, &row)? => Ok(Replied::Asked),
                Reply::Plea if same && is_fresh(&row, tx.now) => ask_partner(tx, &row),
                _ => Ok(Replied::Nothing),
            };
        }
        let replied = act(tx, &row, reply)?;
        if let Some(attempt) = attempt.filter(|_| replied != Replied::Nothing) {
            store::page_token::note_attempt(tx.db, &found.token_hash, found.number, attempt)?;
        }
        Ok(replied)
    });
    match replied.await {
        // It is too late for this, which a reply that does nothing must not tell.
        Err(Refusal::Problems(_)) => Ok(Replied::Nothing),
        replied => replied,
    }
}

fn act(tx: &mut Transaction<'_>, row: &CheckInRow, reply: Reply) -> ActionResult<Replied> {
    let (id, account) = (row.id, row.subject_id);
    match reply {
        Reply::Answer(content, share, plea) => {
            answer_now(tx, id, account, content, share, None)?;
            if plea { ask_partner(tx, row) } else { Ok(Replied::Settled) }
        }
        // Nothing was answered by this link yet.
        Reply::Plea => Ok(Replied::Nothing),
        Reply::Skip => {
            skip_now(tx, id, account)?;
            Ok(Replied::Settled)
        }
        Reply::Later(minutes) => {
            put_off_now(tx, id, account, minutes)?;
            Ok(Replied::PutOff)
        }
    }
}

/// How long after an answer its page can still ask the partner: a link is not for asking again and again.
const ASKS_WITHIN: SignedDuration = SignedDuration::from_hours(1);

fn is_fresh(row: &CheckInRow, now: Timestamp) -> bool {
    let answered = row.answered_at.filter(|_| row.state == CheckInState::Answered);
    answered.is_some_and(|at| now < at.get() + ASKS_WITHIN)
}

/// Whether the partner was asked since the check-in was answered.
fn was_asked(tx: &mut Transaction<'_>, row: &CheckInRow) -> Result<bool, Fault> {
    let (Some(since), Some(link)) = (row.answered_at, row.link_id) else { return Ok(false) };
    plea::asked_since(tx, link, row.subject_id, since.get())
}

/// Asks the partner of a check-in's subject to get in touch; the answer stands whatever comes of it.
fn ask_partner(tx: &mut Transaction<'_>, row: &CheckInRow) -> ActionResult<Replied> {
    let asked = plea::ask_beside(tx, plea::From::Scene(row.scene_id), row.subject_id)?;
    Ok(if asked.is_ok() { Replied::Asked } else { Replied::NotAsked })
}

/// The choices behind the link in a mail's footer; None leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    /// Whether mails about check-ins are wanted.
    pub mail: Option<bool>,
    /// Whether pushes are wanted.
    pub push: Option<bool>,
    /// A pause of all nudges, or its end.
    pub pause: Option<PauseChoice>,
}

/// Whether the token in a mail's footer works. The earlier choices are not shown: the page signs nobody in.
pub async fn can_choose(context: &Arc<AppContext>, token: String) -> Result<bool, Fault> {
    context.read_tx(move |tx| Ok(find(tx, PagePurpose::Choices, (&token, 0))?.is_some())).await
}

/// Changes which nudges come, by the token in a mail's footer; false if the token does not work. Pressing
/// twice is the same as once.
pub async fn choose(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    choices: Choices,
) -> ActionResult<bool> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    context
        .write_tx(None, move |tx| {
            let Some(found) = find(tx, PagePurpose::Choices, (&token, 0))? else { return Ok(false) };
            let account = found.account_id;
            store::dialect::lock_account(tx.db, account)?;
            if choices.mail.is_some() || choices.push.is_some() {
                let change = AccountChange { mail: choices.mail, push: choices.push, ..Default::default() };
                store::account::update(tx.db, account, &change).map_err(Refusal::from)?;
                tx.tell(&[account], ChangeKind::AccountChanged, account);
            }
            let until = match choices.pause {
                None => return Ok(true),
                Some(PauseChoice::End) => None,
                Some(PauseChoice::For(time)) => Some(tx.now + time),
                Some(PauseChoice::FurtherNotice) => Some(FURTHER_NOTICE),
            };
            account::set_paused(tx, account, until)?;
            Ok(true)
        })
        .await
}

/// The help lines that the operator set, a sentence each, for whoever may need somebody now.
pub fn help_lines(context: &AppContext) -> Vec<String> {
    let (lines, _) = help_line::shown(&context.help_lines, None);
    let contact = |line: &HelpLine| {
        let ways = [line.phone.as_deref(), line.url.as_deref(), line.hours.as_deref()];
        ways.into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    lines.into_iter().map(|line| format!("{}: {}", line.name, contact(line))).collect()
}
