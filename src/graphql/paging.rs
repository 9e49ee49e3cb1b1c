//! Relay connections over keyset pages, whose key is an instant and an id, in both directions and of limited size.

use super::errors::Failure;
use super::limits::{FIRST_DEFAULT, FIRST_MAX};
use super::types::DateTime;
use crate::domain::keyset_page::KeysetPage;
use crate::ids::TypedId;
use async_graphql::connection::PageInfo;
use async_graphql::{Object, OutputType, TypeName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use std::borrow::Cow;
use std::str::FromStr;

/// The checked arguments of a connection.
pub struct ConnectionArgs<Id> {
    keyset: KeysetPage<Id>,
    size: usize,
}

/// The arguments of a connection as they come: `first`, `after`, `last`, `before`.
pub type Asked = (Option<i32>, Option<String>, Option<i32>, Option<String>);

impl<Id: TypedId + FromStr + PartialEq> ConnectionArgs<Id> {
    /// Reads the arguments. Without `first` and `last`, the page begins the list, with the default size.
    pub fn read((first, after, last, before): Asked) -> Result<Self, Failure> {
        let (size, from_end) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Failure::BadArgument("Ask for first or for last, not for both."));
            }
            (None, Some(last)) => (last, true),
            (first, None) => (first.unwrap_or(FIRST_DEFAULT), false),
        };
        if !(1..=FIRST_MAX).contains(&size) {
            return Err(Failure::BadArgument("first and last must be from 1 to 50."));
        }
        let key = |cursor: Option<String>, bad| match cursor {
            None => Ok(None),
            Some(cursor) => parse_cursor(&cursor).map(Some).ok_or(bad),
        };
        let after = key(after, Failure::BadArgument("after is not a cursor of this list."))?;
        let before = key(before, Failure::BadArgument("before is not a cursor of this list."))?;
        // Load one row more, to know whether there is another page.
        let keyset = KeysetPage { after, before, from_end, limit: i64::from(size) + 1 };
        Ok(Self { keyset, size: usize::try_from(size).unwrap_or(1) })
    }

    /// The keyset page to load, one row larger than the page of the response.
    pub fn keyset(&self) -> KeysetPage<Id> {
        self.keyset
    }

    /// The rows of the keyset page, from a list that is in memory as a whole.
    pub fn of_all<Row>(&self, rows: Vec<Row>, id: impl Fn(&Row) -> Id) -> Vec<Row> {
        let place = |key: Option<(Timestamp, Id)>| {
            let (_, wanted) = key?;
            Some(rows.iter().position(|row| id(row) == wanted).unwrap_or(rows.len()))
        };
        let begin = place(self.keyset.after).map_or(0, |at| at + 1);
        let end = place(self.keyset.before).unwrap_or(rows.len());
        let most = self.size + 1;
        let begin = if self.keyset.from_end { begin.max(end.saturating_sub(most)) } else { begin };
        rows.into_iter().take(end).skip(begin).take(most).collect()
    }

    /// The connection of the loaded rows.
    pub fn connection<Row, Node>(
        &self,
        rows: Vec<Row>,
        key: impl Fn(&Row) -> (Timestamp, Id),
        node: impl Fn(Row) -> Node,
    ) -> Connection<Node> {
        let more = rows.len() > self.size;
        let KeysetPage { after, before, from_end, .. } = self.keyset;
        let surplus = usize::from(from_end && more);
        let edges = rows.into_iter().skip(surplus).take(self.size).map(|row| {
            let (at, id) = key(&row);
            Edge { cursor: cursor(at, id), node: node(row) }
        });
        let (earlier, later) = if from_end { (more, before.is_some()) } else { (after.is_some(), more) };
        Connection { edges: edges.collect(), earlier, later }
    }
}

/// A page of a list, as Relay's connection specification says it.
pub struct Connection<Node> {
    edges: Vec<Edge<Node>>,
    earlier: bool,
    later: bool,
}

impl<Node: OutputType> TypeName for Connection<Node> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", Node::type_name()).into()
    }
}

/// A page of a list, as Relay's connection specification says it.
#[Object(name_type)]
impl<Node: OutputType> Connection<Node> {
    /// The entries with their cursors.
    async fn edges(&self) -> &[Edge<Node>] {
        &self.edges
    }

    /// The entries.
    async fn nodes(&self) -> Vec<&Node> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.earlier,
            has_next_page: self.later,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }
}

/// One entry of a page.
pub struct Edge<Node> {
    cursor: String,
    node: Node,
}

impl<Node: OutputType> TypeName for Edge<Node> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", Node::type_name()).into()
    }
}

/// One entry of a page.
#[Object(name_type)]
impl<Node: OutputType> Edge<Node> {
    /// The place of this entry, for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The entry.
    async fn node(&self) -> &Node {
        &self.node
    }
}

fn cursor<Id: TypedId>(at: Timestamp, id: Id) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}_{}", at.as_microsecond(), Id::NOUN, id.uuid().simple()))
}

fn parse_cursor<Id: FromStr>(text: &str) -> Option<(Timestamp, Id)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (at, id) = text.split_once('.')?;
    let at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
    DateTime::is_sayable(at).then_some((at, id.parse().ok()?))
}
