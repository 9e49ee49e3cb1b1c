//! Promises: how many the two people of a link kept lately, if both want to see it.

use crate::actions::{AppContext, Fault};
use crate::domain::partner_link::LinkState;
use crate::domain::promise::{LATELY, ScenePromises, kept};
use crate::ids::{AccountId, LinkId, SceneId};
use crate::store;
use std::collections::HashMap;
use std::sync::Arc;

/// Counts for those of one's own active links on which both want to see them, in a fixed number of statements.
pub async fn kept_on(
    context: &Arc<AppContext>,
    account: AccountId,
    links: Vec<LinkId>,
) -> Result<Vec<(LinkId, usize)>, Fault> {
    context
        .read_tx(move |tx| {
            let members = store::partner_link::members(tx.db, &links)?;
            let shown = |link: &LinkId| {
                let sides: Vec<_> = members.iter().filter(|member| member.link_id == *link).collect();
                sides.len() == 2
                    && sides.iter().any(|side| side.account_id == account)
                    && sides.iter().all(|side| side.promise_count_wanted)
            };
            let wanted: Vec<_> = links.iter().copied().filter(shown).collect();
            let active = store::partner_link::find_all(tx.db, &wanted)?.into_iter();
            let shown: Vec<_> =
                active.filter(|link| link.status == LinkState::Active).map(|link| link.id).collect();
            let scenes = store::scene::ended_since(tx.db, &shown, (tx.now - LATELY).into())?;
            let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
            let mut entries: HashMap<SceneId, ScenePromises> = HashMap::new();
            for scene in &scenes {
                let Some(ended_at) = scene.ended_at else { continue };
                entries.insert(scene.id, ScenePromises { ended_at: ended_at.get(), ..Default::default() });
            }
            for (scene, subject, times) in store::check_in::times_of(tx.db, &ids)? {
                if let Some(entry) = entries.get_mut(&scene) {
                    entry.times.push((subject, times));
                }
            }
            for row in store::scene::outreaches(tx.db, &ids)? {
                if let Some(entry) = entries.get_mut(&row.scene_id) {
                    entry.outreaches.push((row.account_id, row.happened_at.get()));
                }
            }
            let mut of_link: HashMap<LinkId, Vec<ScenePromises>> = HashMap::new();
            for scene in scenes {
                if let Some(link) = scene.link_id {
                    of_link.entry(link).or_default().extend(entries.remove(&scene.id));
                }
            }
            let count = |id: &LinkId| (*id, kept(&of_link.remove(id).unwrap_or_default()));
            Ok(shown.iter().map(count).collect())
        })
        .await
}
