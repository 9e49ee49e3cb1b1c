//! Pages: what the link in a nudge or a mail allows, and until when. None signs anybody in.

use super::check_in::ANSWERABLE_FOR;
use super::negotiation::ContactWay;
use super::quiet_hours::{Zone, spelled_minute};
use super::wording::{REACH_OUT, tell_partner};
use super::words;
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};

words! {
    /// What can be done with a page's token.
    pub enum PagePurpose {
        /// Answering, skipping or putting off one check-in.
        Answer = "answer",
        /// Saying what may come by mail and by push, or that nothing may.
        Choices = "choices",
    }
}

/// How long the choices in a mail's footer work. Mail laws ask for thirty days; some people use the link later.
pub const CHOICES_FOR: SignedDuration = SignedDuration::from_hours(60 * 24);

/// When the link to a check-in stops working: when an answer no longer counts (R05).
pub fn answer_ends(due_at: Timestamp) -> Timestamp {
    due_at + ANSWERABLE_FOR
}

/// What an answering page calls one of several questions: the day and time at which its occasion ended, where its subject
/// was when they were asked. A name would say whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    weekday: i8,
    minute: u16,
}

impl Occasion {
    /// The occasion that ended then.
    pub fn new(zone: &Zone, ended_at: Timestamp) -> Self {
        let local = zone.time_zone().to_datetime(ended_at);
        Self { weekday: local.weekday().to_monday_one_offset(), minute: zone.minute(ended_at) }
    }

    /// Its name, such as `Tuesday evening, 21:10`.
    pub fn name(self) -> String {
        let part = match self.minute / 60 {
            5..12 => "morning",
            12..17 => "afternoon",
            17..22 => "evening",
            _ => "night",
        };
        let day = Weekday::from_monday_one_offset(self.weekday).map_or("", |day| match day {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        });
        format!("{day} {part}, {}", spelled_minute(self.minute))
    }

    fn parse(text: &str) -> Option<Self> {
        let (weekday, minute) = text.split_once('-')?;
        let occasion = Self { weekday: weekday.parse().ok()?, minute: minute.parse().ok()? };
        ((1..=7).contains(&occasion.weekday) && occasion.minute < 24 * 60).then_some(occasion)
    }
}

/// What an answering page offers besides one question. The link itself says it: the page looks nothing up, so that it is
/// the same whatever became of the link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// The questions, if there are several.
    pub questions: Vec<Occasion>,
    /// Whether the same message was to remind of getting in touch.
    pub reach_out: bool,
    /// What a partner would welcome, by the same message.
    pub welcome: Vec<ContactWay>,
    /// Whether the questions are about scenes of the person alone: there is nobody to share with.
    pub alone: bool,
}

impl Offered {
    /// More than a message ever holds.
    const MOST: usize = 100;

    /// The link's query; empty if it offers one question and nothing else.
    pub fn query(&self) -> String {
        let questions = self.questions.iter().map(|it| format!("{}-{}", it.weekday, it.minute));
        let reach_out = self.reach_out.then_some("reach_out");
        let alone = self.alone.then_some("alone");
        let also = self.welcome.iter().copied().map(ContactWay::word).chain(reach_out).chain(alone);
        let join = |name: &str, parts: Vec<String>| {
            (!parts.is_empty()).then(|| format!("{name}={}", parts.join(".")))
        };
        let parts = [join("about", questions.collect()), join("also", also.map(str::to_owned).collect())];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    /// Reads the values of a link's query; what it does not know is left out.
    pub fn parse(about: &str, also: &str) -> Self {
        let words = || also.split('.').take(Self::MOST);
        let way = |word: &str| ContactWay::ALL.iter().copied().find(|way| way.word() == word);
        Self {
            questions: about.split('.').take(Self::MOST).filter_map(Occasion::parse).collect(),
            reach_out: words().any(|word| word == "reach_out"),
            welcome: words().filter_map(way).collect(),
            alone: words().any(|word| word == "alone"),
        }
    }

    /// What came in the same message, in words.
    pub fn sentences(&self) -> Vec<&'static str> {
        let welcome = self.welcome.iter().filter_map(|way| tell_partner(*way).paragraphs.first().copied());
        let reach_out = self.reach_out.then(|| REACH_OUT.paragraphs.first().copied()).flatten();
        welcome.chain(reach_out).collect()
    }
}

/// The pause that a person chooses by the link in a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseChoice {
    /// A pause of that length.
    For(SignedDuration),
    /// A pause until further notice.
    FurtherNotice,
    /// No pause, or its end.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r05_the_link_to_a_check_in_works_for_as_long_as_an_answer_counts() {
        let due_at: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        assert_eq!(answer_ends(due_at), "2026-07-15T10:00:00Z".parse().unwrap());
    }

    #[test]
    fn a_link_says_itself_what_its_page_offers() {
        let zone = Zone::named("zone", "Europe/Berlin").unwrap();
        let occasion = |text: &str| Occasion::new(&zone, text.parse().unwrap());
        let questions = vec![occasion("2026-11-24T20:10:00Z"), occasion("2026-11-25T23:30:00Z")];
        let offered = Offered { questions, reach_out: true, welcome: vec![ContactWay::Call], alone: false };
        assert_eq!(offered.query(), "?about=2-1270.4-30&also=call.reach_out");
        assert_eq!(Offered::parse("2-1270.4-30", "call.reach_out"), offered);
        let names: Vec<_> = offered.questions.iter().map(|it| it.name()).collect();
        assert_eq!(names, ["Tuesday evening, 21:10", "Thursday night, 00:30"]);
        let said = ["A call would be welcome.", "You asked to be reminded to get in touch, about now."];
        assert_eq!(offered.sentences(), said);
        assert_eq!(Offered::default().query(), "");
        let alone = Offered { alone: true, ..Offered::default() };
        assert_eq!((alone.query().as_str(), Offered::parse("", "alone")), ("?also=alone", alone));
        for wrong in ["", "8-0", "0-0", "1-1440", "1", "x-y", "1--5", "1-70000"] {
            assert_eq!(Offered::parse(wrong, wrong), Offered::default(), "{wrong}");
        }
    }

    #[test]
    fn the_choices_in_a_mail_work_for_sixty_days() {
        assert_eq!(CHOICES_FOR, SignedDuration::from_secs(60 * 86_400));
    }
}
