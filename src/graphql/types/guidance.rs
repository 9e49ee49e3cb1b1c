//! Guidance and help lines, the same for everybody.

use crate::domain::guidance::{self, GuidanceTopicKey};
use crate::domain::help_line::{self, Country};
use crate::domain::partner_link::Role;
use crate::graphql::context;
use crate::graphql::errors::Failure;
use async_graphql::{Context, Object, SimpleObject};

/// Plain words on drop: what it is, what helps each role, and what to do when it does not pass. It never diagnoses.
pub struct Guidance;

/// One text.
#[derive(SimpleObject)]
pub struct GuidanceTopic {
    /// What it is about: stable, for choosing a topic or a picture for it.
    key: GuidanceTopicKey,
    /// One line, in English.
    title: &'static str,
    /// The text, in English; no paragraph has a line break.
    paragraphs: &'static [String],
    /// For whom it is: all roles unless it speaks to one of them.
    roles: &'static [Role],
}

/// Whom one can call.
#[derive(SimpleObject)]
pub struct HelpLines {
    /// The lines, by country.
    lines: Vec<HelpLine>,
    /// A sentence to show beside them; if there are none, it says so and what else one can do.
    sentence: &'static str,
}

/// A help line, as whoever runs the service set it.
#[derive(SimpleObject)]
pub struct HelpLine {
    /// The country that it is for, ISO 3166-1 alpha-2.
    country: &'static str,
    /// What it calls itself.
    name: String,
    /// As one dials it there; null: there is a page only.
    phone: Option<String>,
    /// Its page, `https`; null: there is a number only.
    url: Option<String>,
    /// When somebody is there, in words.
    hours: Option<String>,
}

/// Plain words on drop: what it is, what helps each role, and what to do when it does not pass. It never diagnoses.
#[Object]
impl Guidance {
    /// The texts, in the order in which they read well.
    async fn topics(
        &self,
        #[graphql(desc = "Only those for this role; default: all.")] role: Option<Role>,
    ) -> Vec<GuidanceTopic> {
        let wanted = |topic: &&guidance::Topic| role.is_none_or(|role| topic.roles.contains(&role));
        let topics = guidance::topics().iter().filter(wanted).map(|topic| GuidanceTopic {
            key: topic.key,
            title: &topic.title,
            paragraphs: &topic.paragraphs,
            roles: topic.roles,
        });
        topics.collect()
    }

    /// Whom one can call. The service knows of nobody's country: the app asks, or shows all.
    async fn help_lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those for this country, ISO 3166-1 alpha-2 such as `DE`; default: all.")]
        country: Option<String>,
    ) -> Result<HelpLines, Failure> {
        let unknown = Failure::BadArgument("country must be an ISO 3166-1 alpha-2 code such as DE.");
        let country = match country {
            None => None,
            Some(typed) => Some(Country::parse(&typed).ok_or(unknown)?),
        };
        let (lines, sentence) = help_line::shown(&context(ctx).help_lines, country);
        let lines = lines.into_iter().cloned().map(|line| HelpLine {
            country: line.country.code(),
            name: line.name,
            phone: line.phone,
            url: line.url,
            hours: line.hours,
        });
        Ok(HelpLines { lines: lines.collect(), sentence })
    }
}
