//! The pages behind links in nudges and mails: a token allows this one thing and signs nobody in.

use crate::actions::accounts::{account, suspension};
use crate::actions::check_ins::check_in::{answer_now, put_off_now, skip_now};
use crate::actions::nudges::planning;
use crate::actions::{ActionResult, AppContext, Fault, Refusal, Transaction};
use crate::auth::tokens::opaque_hash;
use crate::domain::account::FURTHER_NOTICE;
use crate::domain::change::ChangeKind;
use crate::domain::check_in::CheckInState;
use crate::domain::page::{CHOICES_FOR, PagePurpose, answer_ends};
use crate::ids::{AccountId, CheckInId, SessionId, TypedId};
use crate::store;
use crate::store::account::{AccountChange, AccountRow};
use crate::store::check_in::CheckInRow;
use crate::store::nudge::NudgeRow;
use crate::store::page_token::PageTokenRow;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

pub use crate::domain::account::Share;
pub use crate::domain::answer::{AnswerContent, Degree, NoticedSign, Sign};
pub use crate::domain::page::PauseChoice;
pub use crate::domain::problem::{Problem, ProblemCode};

/// Two snoozes that end within this time of each other count as one, pressed twice.
const SAME_WISH: SignedDuration = SignedDuration::from_mins(1);

/// A token and the row by which it is found.
pub struct PageToken {
    /// The token in the link; not stored.
    pub token: String,
    /// What is stored: the token's hash.
    pub row: PageTokenRow,
}

impl PageToken {
    /// The token to answer a check-in: the same in every push about it to the devices of one session, and in every
    /// mail (`session` is None). Whoever ends that session ends the token.
    pub fn to_answer(
        tx: &Transaction<'_>,
        check_in: &CheckInRow,
        subject: &AccountRow,
        session: Option<SessionId>,
    ) -> Self {
        let ends = answer_ends(check_in.due_at.get());
        let about = (Some(check_in.id), session);
        Self::derived(tx, PagePurpose::Answer, check_in.id.uuid(), subject, about, ends)
    }

    /// The token in the footer of a mail, to choose which nudges come.
    pub fn to_choose(tx: &Transaction<'_>, nudge: &NudgeRow, recipient: &AccountRow) -> Self {
        let ends = tx.now + CHOICES_FOR;
        Self::derived(tx, PagePurpose::Choices, nudge.id.uuid(), recipient, (None, None), ends)
    }

    /// Derived, so that a resent nudge has the same link (R14) and the token need not be stored.
    fn derived(
        tx: &Transaction<'_>,
        purpose: PagePurpose,
        id: uuid::Uuid,
        account: &AccountRow,
        (check_in_id, session_id): (Option<CheckInId>, Option<SessionId>),
        expires_at: Timestamp,
    ) -> Self {
        let link_epoch = account.link_epoch;
        let sent_to = session_id.map_or_else(|| "mail".to_owned(), |session| session.to_string());
        let token = tx.vault.derived_token(&format!("{} {link_epoch} {sent_to}", purpose.word()), id);
        let row = PageTokenRow {
            token_hash: opaque_hash(&token),
            purpose,
            account_id: account.id,
            check_in_id,
            session_id,
            link_epoch,
            created_at: tx.ts(),
            expires_at: expires_at.into(),
        };
        Self { token, row }
    }
}

fn find(tx: &mut Transaction<'_>, purpose: PagePurpose, token: &str) -> Result<Option<PageTokenRow>, Fault> {
    let now = tx.ts();
    Ok(store::page_token::find(tx.db, purpose, &opaque_hash(token), now)?)
}

/// The state of a check-in behind a link, and nothing else about the person: a pause or an ended link makes
/// no difference, and a suspended account looks like one that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// It can be answered or skipped, and perhaps snoozed.
    Open {
        /// Whether it can be snoozed.
        can_wait: bool,
    },
    /// It was answered or skipped; changing that needs a log-in.
    Settled,
    /// The token is unknown or expired, or the account is gone or suspended: these look alike (R29).
    Gone,
}

/// What the page does with a check-in.
pub enum Reply {
    /// Answers it; `share` None takes the person's default (R09).
    Answer(AnswerContent, Option<Share>),
    /// Skips it.
    Skip,
    /// Snoozes it by so many minutes.
    Later(i32),
}

/// The state of the check-in behind a link. Looking changes nothing (R30).
pub async fn question(context: &Arc<AppContext>, token: String) -> Result<Question, Fault> {
    context.read_tx(move |tx| Ok(read(tx, &token)?.0)).await
}

fn read(tx: &mut Transaction<'_>, token: &str) -> Result<(Question, Option<CheckInRow>), Fault> {
    let found = find(tx, PagePurpose::Answer, token)?;
    let named = found.and_then(|token| Some((token.check_in_id?, token.account_id)));
    let row = match named {
        // The page must not reveal a withdrawn consent or a pending erasure.
        Some((_, account)) if !suspension::suspended(tx, &[account])?.is_empty() => None,
        Some((id, account)) => store::check_in::find_for(tx.db, id, account)?,
        None => None,
    };
    let question = match &row {
        None => Question::Gone,
        Some(row) if row.state != CheckInState::Unanswered => Question::Settled,
        Some(row) => Question::Open { can_wait: tx.now < row.closes_at.get() },
    };
    Ok((question, row))
}

/// Answers, skips or snoozes by a link's token; a settled check-in stays as it is. Returns the state before
/// the reply: only `Open` means that something may have changed.
pub async fn reply(context: &Arc<AppContext>, token: String, reply: Reply) -> ActionResult<Question> {
    context
        .write_tx(None, move |tx| {
            let (_, Some(row)) = read(tx, &token)? else { return Ok(Question::Gone) };
            let (id, account) = (row.id, row.subject_id);
            store::dialect::lock_account(tx.db, account)?;
            // Read again under the lock: another press of the button may have come first.
            let (question, row) = read(tx, &token)?;
            if let (Question::Open { .. }, Some(row)) = (question, row) {
                act(tx, id, account, &row, reply)?;
            }
            Ok(question)
        })
        .await
}

fn act(
    tx: &mut Transaction<'_>,
    id: CheckInId,
    account: AccountId,
    row: &CheckInRow,
    reply: Reply,
) -> ActionResult<()> {
    match reply {
        Reply::Answer(content, share) => answer_now(tx, id, account, content, share, None).map(drop),
        Reply::Skip => skip_now(tx, id, account).map(drop),
        Reply::Later(minutes) => {
            let until = tx.now + SignedDuration::from_mins(minutes.into());
            let same = |at: store::types::Ts| at.get().duration_since(until).abs() < SAME_WISH;
            if row.snoozed_until.is_some_and(same) {
                return Ok(());
            }
            put_off_now(tx, id, account, minutes).map(drop)
        }
    }
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
    context.read_tx(move |tx| Ok(find(tx, PagePurpose::Choices, &token)?.is_some())).await
}

/// Changes which nudges come, by the token in a mail's footer; false if the token does not work. Pressing
/// twice is the same as once.
pub async fn choose(context: &Arc<AppContext>, token: String, choices: Choices) -> ActionResult<bool> {
    context
        .write_tx(None, move |tx| {
            let Some(found) = find(tx, PagePurpose::Choices, &token)? else { return Ok(false) };
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
            if until.is_some() {
                planning::stop_for_pause(tx, account)?;
            }
            Ok(true)
        })
        .await
}
