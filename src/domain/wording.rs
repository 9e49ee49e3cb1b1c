//! The words of pushes and mails: the same for every push, discreet in every subject line, never explicit.

use super::negotiation::ContactWay;
use super::nudge::{Reason, Rung};
use std::borrow::Cow;

/// The title of every push (R24).
pub const PUSH_TITLE: &str = "Reminder";
/// The text of every push (R24).
pub const PUSH_BODY: &str = "You have a reminder.";
/// The actions beside a question on a device whose owner chose fuller words: the action (`mood-` and the
/// mood) and its label. Two, because browsers show no more.
pub const PUSH_ANSWERS: [(&str, &str); 2] = [("mood-4", "Well"), ("mood-2", "Low")];
/// The subject of every mail about a check-in.
pub const MAIL_SUBJECT: &str = "Your reminder";
/// The subject of every mail that was requested on the service's pages or in an app.
pub const REQUEST_SUBJECT: &str = "You asked for this e-mail";

/// The words of a mail; the template adds the link's address and everything around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The subject line.
    pub subject: &'static str,
    /// The paragraphs.
    pub paragraphs: Cow<'static, [&'static str]>,
    /// The link's label.
    pub link: &'static str,
}

/// To confirm an address.
pub const CONFIRM: Letter = Letter {
    subject: REQUEST_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "Welcome. Please confirm that this address is yours.",
        "The link works for one day. If you did not ask for it, you need not do anything.",
    ]),
    link: "Confirm the address",
};

/// To an address that already has an account and signed up again (R28: the screen does not tell).
pub const ALREADY_REGISTERED: Letter = Letter {
    subject: REQUEST_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "Somebody, perhaps you, tried to sign up with this address. You have an account already.",
        "You can log in as before. If you forgot the password, you can ask for a new one there.",
    ]),
    link: "Open",
};

/// To reset a password.
pub const RESET: Letter = Letter {
    subject: REQUEST_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "Here you can set a new password. All devices will be signed out.",
        "The link works for one day. If you did not ask for it, you need not do anything.",
    ]),
    link: "Set a new password",
};

/// To the owner of a session that ended because a copy of it was used.
pub const SIGNED_OUT: Letter = Letter {
    subject: "A device was signed out",
    paragraphs: Cow::Borrowed(&[
        "One of your devices was signed out, since its sign-in was used in two places. Restoring a device from a \
         backup can cause that.",
        "Please log in on it again. If you are not sure that it was you, choose a new password then: that signs out \
         every other device.",
    ]),
    link: "Open",
};

/// To the owner of an account, when something of its security changed: a sign-in on a new device, a device for reminders,
/// a password, an authenticator, a passkey, a copy of the data, an erasure. It names none of them.
pub const SECURITY_CHANGE: Letter = Letter {
    subject: "Something changed",
    paragraphs: Cow::Borrowed(&[
        "Something changed in how your account is reached or protected, or a device signed in that had not before. If \
         it was you, you need not do anything.",
        "If it was not you, please set a new password now: that signs every device out. Then look in the settings at \
         what can sign in.",
    ]),
    link: "Open",
};

/// To confirm a new address.
pub const CONFIRM_NEW_ADDRESS: Letter = Letter {
    subject: REQUEST_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "Please confirm that this address is yours. From then on your mails come here.",
        "The link works for one day. If you did not ask for it, you need not do anything.",
    ]),
    link: "Confirm the address",
};

/// To an address that has an account and was requested for another one (R28: the screen does not tell).
pub const ADDRESS_IN_USE: Letter = Letter {
    subject: REQUEST_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "Somebody, perhaps you, asked to use this address for another account. It has an account already, so nothing \
         was changed.",
    ]),
    link: "Open",
};

/// To the old address of an account for which a new one was requested.
pub const ADDRESS_CHANGE: Letter = Letter {
    subject: "Your address",
    paragraphs: Cow::Borrowed(&[
        "Somebody, most likely you, asked to have your mails sent to another address. If it was you, you need not do \
         anything here.",
        "If it was not you, please open this link within seven days: it takes the change back and signs every device \
         out.",
    ]),
    link: "Take it back",
};

/// To an address without an account for which a new password was requested (R28: the screen does not tell).
pub const NO_ACCOUNT: Letter = Letter {
    subject: REQUEST_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "Somebody, perhaps you, asked for a new password with this address. It has no account here.",
        "If you signed up with another address, ask with that one. If it was not you, you need not do anything.",
    ]),
    link: "Open",
};

/// To ask the subject.
pub const ASK: Letter = Letter {
    subject: MAIL_SUBJECT,
    paragraphs: Cow::Borrowed(&[
        "You asked to be reminded: how are you today?",
        "One tap is enough, and you can skip it or put it off.",
    ]),
    link: "Answer",
};

/// To prompt a person to reach out.
pub const REACH_OUT: Letter = Letter {
    subject: MAIL_SUBJECT,
    paragraphs: Cow::Borrowed(&["You asked to be reminded to get in touch, about now."]),
    link: "Open",
};

/// To somebody whose partner would like to hear from them, where no words were agreed.
pub const PLEA: Letter = Letter {
    subject: MAIL_SUBJECT,
    paragraphs: Cow::Borrowed(&["Hearing from you would be welcome."]),
    link: "Open",
};

/// The words of a reminder. `action`: the way of reaching out that would be welcome, for a partner alert.
pub fn reminder(reason: Reason, action: Option<ContactWay>) -> Letter {
    match (reason, action) {
        (Reason::CheckIn(Rung::TellPartner), Some(action)) => tell_partner(action),
        (Reason::CheckIn(Rung::TellPartner), None) | (Reason::Prompt, _) => REACH_OUT,
        (Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain), _) => ASK,
    }
}

/// The words of several reminders that come as one: each sentence once, in their order, and the first link.
pub fn together(letters: impl IntoIterator<Item = Letter>) -> Letter {
    let mut letters = letters.into_iter();
    let mut all = letters.next().unwrap_or(REACH_OUT);
    for letter in letters {
        for sentence in letter.paragraphs.iter() {
            if !all.paragraphs.contains(sentence) {
                all.paragraphs.to_mut().push(sentence);
            }
        }
    }
    all
}

/// Tells the partner what would be welcome (R13).
pub fn tell_partner(action: ContactWay) -> Letter {
    let paragraphs: &[&str] = match action {
        ContactWay::Message => &["A message would be welcome."],
        ContactWay::Call => &["A call would be welcome."],
        ContactWay::Video => &["A video call would be welcome."],
        ContactWay::InPerson => &["A visit would be welcome."],
    };
    Letter { subject: MAIL_SUBJECT, paragraphs: Cow::Borrowed(paragraphs), link: "Open" }
}
