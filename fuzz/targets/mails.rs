//! Mails: whatever address, words, tokens and settings a mail is made of, it has the headers that it should have and no
//! others, one recipient, and two parts with its words. An address that somebody may sign up with can be written to.
//!
//! An input is these texts with NUL bytes between: address, token of the choices (empty: none), path, sender, public URL,
//! subject, paragraph, label of the link.

#![no_main]

use evenkeel::actions::nudges::claim::Mailing;
use evenkeel::chance::Chance;
use evenkeel::delivery::mail::MailSender;
use evenkeel::domain::account::Email;
use evenkeel::domain::nudge::{About, AttemptOutcome, Channel, MailPurpose};
use evenkeel::domain::wording::Letter;
use evenkeel::ids::AddressRequestId;
use evenkeel::store::nudge::NudgeRow;
use evenkeel_fuzz::texts;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mail_parser::{Address, Message, MessageParser};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use url::Url;

/// 2026-10-24T20:00:00Z.
const NOW: Timestamp = Timestamp::constant(1_792_872_000, 0);

/// The headers of every mail, and those of one with choices.
const HEADERS: [&str; 9] = [
    "Auto-Submitted",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
    "X-Auto-Response-Suppress",
];
const CHOICES: [&str; 2] = ["List-Unsubscribe", "List-Unsubscribe-Post"];

struct Fixture {
    folder: PathBuf,
    runtime: tokio::runtime::Runtime,
    nudge: NudgeRow,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    // In memory where that is possible, since each input becomes a file.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    // Not seeded: several processes may write to the folder.
    let chance = Chance::system();
    let about = About::Address(AddressRequestId::at(NOW, &chance), MailPurpose::ConfirmAddress);
    Fixture {
        folder: folder.join("evenkeel-fuzz"),
        runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
        nudge: NudgeRow::waiting(about, Channel::Mail, None, (NOW.into(), NOW.into()), NOW, &chance),
    }
});

/// A letter with these words. The real ones are constants.
///
/// # Safety
/// The letter must not outlive the words.
unsafe fn letter(subject: &str, paragraphs: &[&str], link: &str) -> Letter {
    let forever = |text: &str| -> &'static str { unsafe { std::mem::transmute(text) } };
    let paragraphs: &'static [&'static str] = unsafe { std::mem::transmute(paragraphs) };
    Letter { subject: forever(subject), paragraphs, link: forever(link) }
}

/// The mail as it would go out; None if it was refused.
fn written(sender: &MailSender, mailing: &Mailing) -> Option<Vec<u8>> {
    let Fixture { folder, runtime, nudge } = &*FIXTURE;
    let result = runtime.block_on(sender.send(nudge, mailing, NOW));
    match result.outcome {
        Some(AttemptOutcome::Accepted) => {
            let file = folder.join(format!("{}.eml", nudge.id));
            let mail = std::fs::read(&file).unwrap();
            std::fs::remove_file(file).unwrap();
            Some(mail)
        }
        Some(AttemptOutcome::Refused) => None,
        other => panic!("{other:?}: the mail could not be written to {}", folder.display()),
    }
}

fn only<'a>(address: Option<&'a Address<'a>>, mail: &str) -> &'a str {
    let Some(Address::List(list)) = address else { panic!("no list of addresses in {mail}") };
    let [one] = list.as_slice() else { panic!("not one address in {mail}") };
    one.address.as_deref().unwrap_or_else(|| panic!("no address in {mail}"))
}

/// Line breaks of every kind as one.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The marks that make up the tags of a page.
fn marks(html: &str) -> [usize; 3] {
    ['<', '>', '"'].map(|mark| html.matches(mark).count())
}

fn check_headers(parsed: &Message, raw: &str, with_choices: bool) {
    let mut names: Vec<&str> = parsed.headers_raw().map(|(name, _)| name).collect();
    names.sort_unstable();
    let mut expected = HEADERS.to_vec();
    expected.extend(if with_choices { &CHOICES[..] } else { &[] });
    expected.sort_unstable();
    assert_eq!(names, expected, "{raw}");
    // The same without the parser: each line goes on with a header or begins an expected one.
    let (head, _) = raw.split_once("\r\n\r\n").unwrap();
    for line in head.split("\r\n") {
        let begins = |name: &&str| line.strip_prefix(*name).is_some_and(|rest| rest.starts_with(':'));
        assert!(
            line.starts_with([' ', '\t']) || expected.iter().any(|name| begins(&name)),
            "{line:?} in {raw}"
        );
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?} in {raw}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some([to, token, path, from, public_url, subject, paragraph, link]) = texts::<8>(data) else {
        return;
    };
    let known = Email::parse("email", to).ok();
    if let Some(email) = &known {
        let again = Email::parse("email", email.as_str()).unwrap_or_else(|_| panic!("{:?}", email.as_str()));
        assert!(again == *email && again.normalised() == email.normalised(), "{to:?}");
    }
    let Some(public_url) = Url::parse(public_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
    else {
        return;
    };
    let Ok(sender) = MailSender::files(&FIXTURE.folder, from, public_url.clone()) else { return };
    let to = known.as_ref().map_or(to, Email::as_str);
    let paragraphs = [paragraph];
    let choices = Some(token.to_owned()).filter(|token| !token.is_empty());
    // SAFETY: the letter is dropped with the mailing, before the words.
    let letter = unsafe { letter(subject, &paragraphs, link) };
    let mailing = Mailing { to: to.to_owned(), letter, path: path.to_owned(), choices };
    let Some(mail) = written(&sender, &mailing) else {
        assert!(known.is_none(), "{to:?} can sign up and cannot be written to");
        return;
    };
    let raw = std::str::from_utf8(&mail).expect("a mail is UTF-8");
    let parsed = MessageParser::default().parse(&mail).expect("a mail can be parsed");
    check_headers(&parsed, raw, mailing.choices.is_some());
    only(parsed.from(), raw);
    let recipient = only(parsed.to(), raw);
    if known.is_some() {
        assert_eq!(recipient, to, "{raw}");
    }
    assert!(parsed.message_id().is_some_and(|id| id.len() > 33 && id.as_bytes()[32] == b'@'), "{raw}");
    if let Some(token) = &mailing.choices {
        let stop = public_url.join(&format!("unsubscribe/{token}")).unwrap_or(public_url);
        let written = parsed.header_raw("List-Unsubscribe").unwrap_or_default();
        assert_eq!(written.trim(), format!("<{stop}>"), "{raw}");
    }

    assert_eq!(
        (parsed.text_body_count(), parsed.html_body_count(), parsed.attachment_count()),
        (1, 1, 0),
        "{raw}"
    );
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    assert!(lines(&text).starts_with(&lines(&format!("{paragraph}\n\n{link}:\n"))), "{text:?}");
    let plain = Mailing {
        letter: Letter { subject: "", paragraphs: &[""], link: "" },
        choices: mailing.choices.clone(),
        to: to.to_owned(),
        path: String::new(),
    };
    let plain = written(&sender, &plain).unwrap();
    let plain = MessageParser::default().parse(&plain).unwrap();
    assert_eq!(marks(&html), marks(&plain.body_html(0).unwrap()), "words became tags in {html}");
});
