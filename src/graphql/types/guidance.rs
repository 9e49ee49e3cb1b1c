//! Guidance and help lines, the same for everybody.

use crate::domain::guidance::{self, GuidanceTopicKey};
use crate::domain::help_line::{self, Country};
use crate::domain::partner_link::Role;
use crate::graphql::context;
use crate::graphql::errors::Failure;
use async_graphql::{Context, Object, SimpleObject};

/// Plain texts on drop: what it is, what helps in each role, and what to do when it does not pass. They are no
/// diagnosis.
pub struct Guidance;

/// One text on drop.
#[derive(SimpleObject)]
pub struct GuidanceTopic {
    /// A stable name, to choose a topic or a picture by.
    key: GuidanceTopicKey,
    /// A title of one line, in English.
    title: &'static str,
    /// The text in English, a paragraph an entry, without line breaks.
    paragraphs: &'static [String],
    /// The roles that it is written for; all roles if it is for everybody.
    roles: &'static [Role],
}

/// Help lines that one can call.
#[derive(SimpleObject)]
pub struct HelpLines {
    /// The help lines, ordered by country.
    lines: Vec<HelpLine>,
    /// A sentence to show with them; if there are none, it says so and what else to do.
    sentence: &'static str,
}

/// A help line, as whoever runs the server entered it.
#[derive(SimpleObject)]
pub struct HelpLine {
    /// The country that it serves, ISO 3166-1 alpha-2.
    country: &'static str,
    /// Its name.
    name: String,
    /// Its number as dialled in that country; null: it has a web page only.
    phone: Option<String>,
    /// Its web page, `https`; null: it has a number only.
    url: Option<String>,
    /// When it is open, in words.
    hours: Option<String>,
}

/// Plain texts on drop: what it is, what helps in each role, and what to do when it does not pass. They are no
/// diagnosis.
#[Object]
impl Guidance {
    /// The texts, in the order in which they are best read.
    async fn topics(
        &self,
        #[graphql(desc = "Only topics for this role; default: all.")] role: Option<Role>,
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

    /// Help lines. The server does not know where anybody is: ask for the country, or show all.
    async fn help_lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only help lines of this country, ISO 3166-1 alpha-2 such as `DE`; default: all.")]
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
