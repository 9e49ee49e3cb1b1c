//! Promises: how many the two of a link kept lately, if both want to see it.

use super::{Fault, House};
use crate::domain::partner_link::LinkStatus;
use crate::domain::promise::{LATELY, Occasion, kept};
use crate::ids::{AccountId, LinkId, SceneId};
use crate::store;
use std::collections::HashMap;
use std::sync::Arc;

/// The counts of those of one's own active links on which both want to see it, in a fixed number of statements.
pub async fn kept_on(
    house: &Arc<House>,
    account: AccountId,
    links: Vec<LinkId>,
) -> Result<Vec<(LinkId, usize)>, Fault> {
    house
        .read_tx(move |unit| {
            let members = store::partner_link::members(unit.db, &links)?;
            let shown = |link: &LinkId| {
                let sides: Vec<_> = members.iter().filter(|member| member.link_id == *link).collect();
                sides.len() == 2
                    && sides.iter().any(|side| side.account_id == account)
                    && sides.iter().all(|side| side.promise_count_wanted)
            };
            let wanted: Vec<_> = links.iter().copied().filter(shown).collect();
            let active = store::partner_link::find_all(unit.db, &wanted)?.into_iter();
            let shown: Vec<_> =
                active.filter(|link| link.status == LinkStatus::Active).map(|link| link.id).collect();
            let scenes = store::scene::ended_since(unit.db, &shown, (unit.now - LATELY).into())?;
            let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
            let mut occasions: HashMap<SceneId, Occasion> = HashMap::new();
            for scene in &scenes {
                let Some(ended_at) = scene.ended_at else { continue };
                occasions.insert(scene.id, Occasion { ended_at: ended_at.get(), ..Default::default() });
            }
            // Both people's check-ins have the same times.
            for row in store::check_in::of_scenes(unit.db, &ids, account)? {
                if let Some(occasion) = occasions.get_mut(&row.scene_id)
                    && row.subject_id == account
                {
                    occasion.times.push(row.times());
                }
            }
            for row in store::scene::outreaches(unit.db, &ids)? {
                if let Some(occasion) = occasions.get_mut(&row.scene_id) {
                    occasion.outreaches.push((row.account_id, row.happened_at.get()));
                }
            }
            let mut of_link: HashMap<LinkId, Vec<Occasion>> = HashMap::new();
            for scene in scenes {
                of_link.entry(scene.link_id).or_default().extend(occasions.remove(&scene.id));
            }
            let count = |id: &LinkId| (*id, kept(&of_link.remove(id).unwrap_or_default()));
            Ok(shown.iter().map(count).collect())
        })
        .await
}
