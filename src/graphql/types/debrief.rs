//! Debriefs: one's own, and the other's once both have written.

use super::DateTime;
use super::text::Text;
use crate::actions::scenes::debrief::DebriefView;
use crate::domain::debrief::DebriefState;
use crate::graphql::readable::Readable;
use async_graphql::SimpleObject;

/// What each of the two wrote about a scene afterwards; both can be read only when both have written.
#[derive(SimpleObject)]
pub struct SceneDebrief {
    /// Where the debriefs stand. It never tells whether the partner has written until both have.
    state: DebriefState,
    /// The viewer's debrief; null: not written.
    mine: Option<OwnDebrief>,
    /// The partner's debrief; null unless both can be read.
    partners: Option<PartnerDebrief>,
}

/// The viewer's debrief of a scene.
#[derive(SimpleObject)]
pub struct OwnDebrief {
    /// The text. Null: it cannot be read now.
    text: Readable<Text>,
    /// When it was written or last replaced. The partner does not see it.
    written_at: DateTime,
}

/// The partner's debrief of a scene.
#[derive(SimpleObject)]
pub struct PartnerDebrief {
    /// The text. Null: it cannot be read now.
    text: Readable<Text>,
}

impl From<DebriefView> for SceneDebrief {
    fn from(view: DebriefView) -> Self {
        Self {
            state: view.state,
            mine: view
                .mine
                .map(|(text, at)| OwnDebrief { text: text.map(Text).into(), written_at: at.into() }),
            partners: view.partners.map(|text| PartnerDebrief { text: text.map(Text).into() }),
        }
    }
}
