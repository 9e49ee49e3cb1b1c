//! Kinds of nudges: a reminder (a rung of a check-in's ladder or a prompt), or a mail to an address.

use super::Channel;
use crate::domain::quiet_hours::Rhythm;
use crate::domain::{text_column, words};
use jiff::Timestamp;

words! {
    /// A step of a check-in's ladder, in its order.
    pub enum Rung {
        /// Asks the subject how they are.
        Ask = "ask",
        /// Asks by e-mail, when the push was not answered.
        Email = "email",
        /// Asks once more, three hours after the e-mail.
        AskAgain = "ask_again",
        /// Tells the partner that reaching out would be welcome; only with the subject's consent.
        TellPartner = "tell_partner",
    }
}

impl Rung {
    /// Whether it asks the subject; [`Rung::TellPartner`] tells the partner.
    pub fn is_question(self) -> bool {
        match self {
            Self::Ask | Self::Email | Self::AskAgain => true,
            Self::TellPartner => false,
        }
    }

    /// Whether it replaces `lower`, because it asks the same person later (R21).
    pub fn supersedes(self, lower: Self) -> bool {
        self.is_question() && lower < self
    }
}

/// Why a reminder is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A rung of a check-in's ladder.
    CheckIn(Rung),
    /// The prompt to the partner to reach out, whatever the subject does.
    Prompt,
}

impl Reason {
    /// The planned channel.
    pub fn channel(self) -> Channel {
        match self {
            Self::CheckIn(Rung::Email) => Channel::Mail,
            Self::CheckIn(Rung::Ask | Rung::AskAgain | Rung::TellPartner) | Self::Prompt => Channel::Push,
        }
    }

    /// Its word in the database, in keys and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CheckIn(rung) => rung.word(),
            Self::Prompt => "reach_out",
        }
    }
}

words! {
    /// What a mail by address is for.
    pub enum MailPurpose {
        /// Confirms an address; asked for by the person.
        ConfirmAddress = "confirm_address",
        /// Resets a password; asked for by the person.
        ResetPassword = "reset_password",
        /// Tells that a session was ended, since its sign-in was used in two places.
        SignedOut = "signed_out",
        /// Confirms another address of an account; asked for by the person.
        ConfirmNewAddress = "confirm_new_address",
        /// Tells the address of an account that another one was asked for.
        AddressChange = "address_change",
        /// Tells the owner of an account that something of its security changed.
        SecurityChange = "security_change",
    }
}

impl MailPurpose {
    /// Whether somebody who need not be signed in asks for it and waits for it.
    pub fn is_asked_for(self) -> bool {
        match self {
            Self::ConfirmAddress | Self::ResetPassword | Self::ConfirmNewAddress => true,
            Self::SignedOut | Self::AddressChange | Self::SecurityChange => false,
        }
    }
}

/// The kind of a nudge.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub enum NudgeKind {
    /// A reminder to an account.
    Reminder(Reason),
    /// The wish of the recipient's partner to hear from them.
    Plea,
    /// A mail to an address.
    Mail(MailPurpose),
}

text_column!(NudgeKind);

impl NudgeKind {
    /// All values: the rungs in their order, the prompt, the plea, the mails.
    pub fn all() -> impl Iterator<Item = Self> {
        let rungs = Rung::ALL.iter().copied().map(Reason::CheckIn);
        let mails = MailPurpose::ALL.iter().copied().map(Self::Mail);
        rungs.chain([Reason::Prompt]).map(Self::Reminder).chain([Self::Plea]).chain(mails)
    }

    /// Its word in the database, in keys and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reminder(reason) => reason.word(),
            Self::Plea => "plea",
            Self::Mail(purpose) => purpose.word(),
        }
    }

    /// The value of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::all().find(|kind| kind.word() == word)
    }

    /// The planned channel.
    pub fn channel(self) -> Channel {
        match self {
            Self::Reminder(reason) => reason.channel(),
            Self::Plea => Channel::Push,
            Self::Mail(_) => Channel::Mail,
        }
    }

    /// The reason for a reminder; None: it is a mail to an address.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Reminder(reason) => Some(reason),
            Self::Plea | Self::Mail(_) => None,
        }
    }

    /// Its rung, if it has one.
    pub fn rung(self) -> Option<Rung> {
        match self {
            Self::Reminder(Reason::CheckIn(rung)) => Some(rung),
            Self::Reminder(Reason::Prompt) | Self::Plea | Self::Mail(_) => None,
        }
    }

    /// The earliest time from `from` on at which it may reach a person with that rhythm. The one place that
    /// applies quiet hours (R17).
    pub fn earliest(self, rhythm: &Rhythm, from: Timestamp) -> Timestamp {
        if self.respects_quiet_hours() { rhythm.awake(from) } else { from }
    }

    /// The requester waits for their mail, and an address change can be stopped only before it is confirmed.
    /// Everything else can wait until morning.
    fn respects_quiet_hours(self) -> bool {
        match self {
            // Whether a plea may wake somebody is theirs to say: see `plea::judge`.
            Self::Reminder(_)
            | Self::Plea
            | Self::Mail(MailPurpose::SignedOut | MailPurpose::SecurityChange) => true,
            Self::Mail(
                MailPurpose::ConfirmAddress
                | MailPurpose::ResetPassword
                | MailPurpose::ConfirmNewAddress
                | MailPurpose::AddressChange,
            ) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quiet_hours::{QuietHours, Zone};

    const WORDS: [&str; 12] = [
        "ask",
        "email",
        "ask_again",
        "tell_partner",
        "reach_out",
        "plea",
        "confirm_address",
        "reset_password",
        "signed_out",
        "confirm_new_address",
        "address_change",
        "security_change",
    ];

    #[test]
    fn r14_the_words_of_nudges_that_are_stored_already_stay() {
        assert_eq!(NudgeKind::all().map(NudgeKind::word).collect::<Vec<_>>(), WORDS);
        for kind in NudgeKind::all() {
            assert_eq!(NudgeKind::of_word(kind.word()), Some(kind));
        }
        assert_eq!(NudgeKind::of_word("Ask"), None);
    }

    #[test]
    fn r17_only_what_somebody_waits_for_comes_at_night() {
        let quiet = Some(QuietHours::parse("quietHours", "22:00", "08:00").unwrap());
        let rhythm = Rhythm { zone: Zone::named("zone", "Europe/Berlin").unwrap(), quiet };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (night, morning) = (at("2026-07-01T22:00:00Z"), at("2026-07-02T06:00:00Z"));
        let at_night = ["confirm_address", "reset_password", "confirm_new_address", "address_change"];
        for kind in NudgeKind::all() {
            let expected = if at_night.contains(&kind.word()) { night } else { morning };
            assert_eq!(kind.earliest(&rhythm, night), expected, "{kind:?}");
            assert_eq!(kind.earliest(&rhythm, morning), morning, "{kind:?}");
        }
    }

    #[test]
    fn r21_a_later_question_takes_the_place_of_an_earlier_one_and_nothing_else_does() {
        for upper in Rung::ALL.iter().copied() {
            let lower: Vec<_> = Rung::ALL.iter().copied().filter(|lower| upper.supersedes(*lower)).collect();
            let expected: &[Rung] = match upper {
                Rung::Ask | Rung::TellPartner => &[],
                Rung::Email => &[Rung::Ask],
                Rung::AskAgain => &[Rung::Ask, Rung::Email],
            };
            assert_eq!(lower, expected, "{upper:?}");
        }
    }
}
