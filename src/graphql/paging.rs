//! Relay connections over pages that are found by key: an instant and an id (forward only, `first` bounded).

use super::errors::Failure;
use super::limits::{FIRST_DEFAULT, FIRST_MAX};
use crate::ids::TypedId;
use async_graphql::connection::PageInfo;
use async_graphql::{Object, OutputType, TypeName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use std::borrow::Cow;
use std::str::FromStr;

/// What is asked for.
pub struct Page<Id> {
    /// After which key.
    pub after: Option<(Timestamp, Id)>,
    /// How many.
    pub first: usize,
}

impl<Id: TypedId + FromStr> Page<Id> {
    /// Reads `first` and `after`.
    pub fn read(first: Option<i32>, after: Option<String>) -> Result<Self, Failure> {
        let first = first.unwrap_or(FIRST_DEFAULT);
        if !(1..=FIRST_MAX).contains(&first) {
            return Err(Failure::BadRequest("first must be from 1 to 50."));
        }
        let bad = Failure::BadRequest("after is not a cursor of this list.");
        let after = match after {
            None => None,
            Some(cursor) => Some(parse_cursor(&cursor).ok_or(bad)?),
        };
        Ok(Self { after, first: usize::try_from(first).unwrap_or(1) })
    }

    /// How many rows to load: one more, to know whether there is another page.
    pub fn limit(&self) -> i64 {
        i64::try_from(self.first).unwrap_or(i64::MAX - 1) + 1
    }

    /// The connection of the rows that were loaded.
    pub fn connection<Row, Node>(
        &self,
        rows: Vec<Row>,
        key: impl Fn(&Row) -> (Timestamp, Id),
        node: impl Fn(Row) -> Node,
    ) -> Connection<Node> {
        let more = rows.len() > self.first;
        let edges = rows.into_iter().take(self.first).map(|row| {
            let (at, id) = key(&row);
            Edge { cursor: cursor(at, id), node: node(row) }
        });
        Connection { edges: edges.collect(), earlier: self.after.is_some(), more }
    }
}

/// A page of a list, as Relay's connection specification says it.
pub struct Connection<Node> {
    edges: Vec<Edge<Node>>,
    earlier: bool,
    more: bool,
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
            has_next_page: self.more,
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
    /// The place of this entry, for `after`.
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
    Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, id.parse().ok()?))
}
