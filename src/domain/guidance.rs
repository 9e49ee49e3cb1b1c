//! Guidance: what drop is, what helps each role, and what to do when it does not pass; the same words for everyone.

use super::partner_link::Role;
use super::words;
use std::sync::LazyLock;

words! {
    /// What a guidance text is about, in the order in which they are best read. More may be added.
    pub enum GuidanceTopicKey {
        /// What drop is.
        WhatDropIs = "what_drop_is",
        /// When drop comes: at once, or days later.
        WhenItComes = "when_it_comes",
        /// What to do first, right now.
        RightNow = "right_now",
        /// For those who led.
        IfYouLed = "if_you_led",
        /// For those who followed.
        IfYouFollowed = "if_you_followed",
        /// What somebody who is far away can do.
        FromAfar = "from_afar",
        /// What to talk about before a scene.
        AgreeBeforehand = "agree_beforehand",
        /// Looking after oneself.
        WhenAlone = "when_alone",
        /// When something happened that one had not agreed to, or may have.
        IfSomethingFeltWrong = "if_something_felt_wrong",
        /// When it lasts, gets heavier, or is dangerous.
        WhenItDoesNotPass = "when_it_does_not_pass",
    }
}

impl GuidanceTopicKey {
    /// The text: a title line, then paragraphs, each after an empty line.
    fn text(self) -> &'static str {
        match self {
            Self::WhatDropIs => include_str!("guidance/what_drop_is.txt"),
            Self::WhenItComes => include_str!("guidance/when_it_comes.txt"),
            Self::RightNow => include_str!("guidance/right_now.txt"),
            Self::IfYouLed => include_str!("guidance/if_you_led.txt"),
            Self::IfYouFollowed => include_str!("guidance/if_you_followed.txt"),
            Self::FromAfar => include_str!("guidance/from_afar.txt"),
            Self::AgreeBeforehand => include_str!("guidance/agree_beforehand.txt"),
            Self::WhenAlone => include_str!("guidance/when_alone.txt"),
            Self::IfSomethingFeltWrong => include_str!("guidance/if_something_felt_wrong.txt"),
            Self::WhenItDoesNotPass => include_str!("guidance/when_it_does_not_pass.txt"),
        }
    }

    /// The roles that it speaks to: all, unless it is for one side.
    fn roles(self) -> &'static [Role] {
        match self {
            Self::IfYouLed => &[Role::Dominant, Role::Switch],
            Self::IfYouFollowed => &[Role::Submissive, Role::Switch],
            Self::WhatDropIs
            | Self::WhenItComes
            | Self::RightNow
            | Self::FromAfar
            | Self::AgreeBeforehand
            | Self::WhenAlone
            | Self::IfSomethingFeltWrong
            | Self::WhenItDoesNotPass => Role::ALL,
        }
    }
}

/// One guidance text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its topic.
    pub key: GuidanceTopicKey,
    /// Its title, one line.
    pub title: String,
    /// Its paragraphs, without line breaks.
    pub paragraphs: Vec<String>,
    /// The roles that it speaks to.
    pub roles: &'static [Role],
}

fn read(key: GuidanceTopicKey) -> Topic {
    let mut blocks =
        key.text().split("\n\n").map(|block| block.split_whitespace().collect::<Vec<_>>().join(" "));
    Topic { key, title: blocks.next().unwrap_or_default(), paragraphs: blocks.collect(), roles: key.roles() }
}

/// All texts, in reading order.
pub fn topics() -> &'static [Topic] {
    static TOPICS: LazyLock<Vec<Topic>> =
        LazyLock::new(|| GuidanceTopicKey::ALL.iter().copied().map(read).collect());
    &TOPICS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(topic: &Topic) -> usize {
        topic.paragraphs.iter().map(|paragraph| paragraph.split(' ').count()).sum()
    }

    #[test]
    fn every_text_has_a_title_and_paragraphs_that_fit_on_a_phone() {
        for topic in topics() {
            assert!((5..=40).contains(&topic.title.len()), "{}", topic.title);
            assert!(!topic.title.ends_with('.'), "{}", topic.title);
            assert!(topic.paragraphs.len() >= 3, "{}", topic.title);
            for paragraph in &topic.paragraphs {
                assert!((50..=450).contains(&paragraph.len()), "{}: {paragraph}", paragraph.len());
                assert!(paragraph.ends_with(['.', '?']), "{paragraph}");
            }
        }
    }

    #[test]
    fn both_roles_are_spoken_to_alike() {
        let only =
            |role: Role| topics().iter().find(|t| t.roles.contains(&role) && t.roles.len() == 2).unwrap();
        let (led, followed) = (only(Role::Dominant), only(Role::Submissive));
        assert_ne!(led.key, followed.key);
        assert_eq!(led.paragraphs.len(), followed.paragraphs.len());
        assert!(words(led).abs_diff(words(followed)) < 40, "{} and {}", words(led), words(followed));
        for role in Role::ALL {
            let count = topics().iter().filter(|topic| topic.roles.contains(role)).count();
            let both = usize::from(*role == Role::Switch);
            assert_eq!(count, topics().len() - 1 + both, "{role:?}");
        }
    }

    #[test]
    fn no_text_diagnoses_counts_or_is_explicit_and_none_holds_a_number_to_call() {
        let unwanted = [
            "disorder",
            "depress",
            "symptom",
            "diagnos",
            "patient",
            "therap",
            "trauma",
            "syndrome",
            "patholog",
            "score",
            "streak",
            "should have known",
            "your fault",
            "sex",
            "naked",
            "nude",
            "genital",
            "orgasm",
            "whip",
            "bondage",
            "beat",
            "slave",
            "master",
            "kink",
            "fetish",
        ];
        for topic in topics() {
            let all = format!("{} {}", topic.title, topic.paragraphs.join(" ")).to_lowercase();
            for word in unwanted {
                assert!(!all.contains(word), "{}: {word}", topic.title);
            }
            assert!(!all.chars().any(|c| c.is_ascii_digit()), "{}", topic.title);
        }
    }

    #[test]
    fn danger_is_met_with_people_who_can_come() {
        for key in [GuidanceTopicKey::IfSomethingFeltWrong, GuidanceTopicKey::WhenItDoesNotPass] {
            let text = read(key).paragraphs.join(" ");
            assert!(
                text.contains("emergency number of your country") && text.contains("help line"),
                "{key:?}"
            );
        }
    }
}
