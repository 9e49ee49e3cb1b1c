//! Debriefs: one's own, and the other's once both have written.

use super::DateTime;
use super::text::Text;
use crate::actions::scenes::debrief::DebriefView;
use crate::domain::debrief::DebriefState;
use crate::graphql::readable::Readable;
use async_graphql::SimpleObject;

/// Each one's reflection on a scene; both are shown only when both have written.
#[derive(SimpleObject)]
pub struct SceneDebrief {
    /// Where they stand. Until one has written oneself it does not tell whether the other has.
    state: DebriefState,
    /// One's own.
    mine: Option<OwnDebrief>,
    /// The other's; null unless both are open.
    partners: Option<PartnerDebrief>,
}

/// What one wrote about a scene.
#[derive(SimpleObject)]
pub struct OwnDebrief {
    /// The text. Null: it cannot be read now.
    text: Readable<Text>,
    /// When it was written, or last replaced. The other does not see it.
    written_at: DateTime,
}

/// What the other one wrote about a scene.
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
