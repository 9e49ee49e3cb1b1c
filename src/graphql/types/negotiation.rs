//! Negotiation: Needs, terms, Revisions, agreements and what changed.

use super::check_in_time::{CheckInTime, times};
use super::partner_link::PartnerLink;
use super::text::Text;
use super::{DateTime, Who};
use crate::actions::Fault;
use crate::actions::links::revisions::{RevisionOutline, RevisionText, RevisionView};
use crate::domain::negotiation::{
    self as rules, Comfort, ContactWay, Nearness, NeedsPatch, RevisionState, changed_fields,
};
use crate::domain::revision_text::PartlyOpened;
use crate::graphql::errors::Failure;
use crate::graphql::loaders;
use crate::graphql::readable::{self, Readable};
use crate::ids::AccountId;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use std::sync::Arc;

/// What one person needs after a scene.
#[derive(Clone, Debug, SimpleObject)]
pub struct Needs {
    /// What helps; each at most once.
    pub comforts: Vec<Comfort>,
    /// What to avoid; at most 20 entries of at most 200 characters.
    pub avoid: Vec<Text>,
    /// What brings the person back to themselves; at most 500 characters.
    pub grounding: Text,
    /// What to eat and drink; at most 500 characters.
    pub food_and_drink: Text,
    /// Words that help the person; at most 500 characters.
    pub words: Text,
    /// How to contact the person, the most welcome way first; each at most once.
    pub contact: Vec<ContactWay>,
    /// Whether the person wants company; null: not said.
    pub nearness: Option<Nearness>,
    /// Anything else; at most 4000 characters.
    pub anything_else: Text,
}

/// Changes what one person needs after a scene. A patch: what is left out stays as last written, and null clears it.
#[derive(InputObject)]
pub struct NeedsInput {
    /// What helps; each at most once.
    comforts: MaybeUndefined<Vec<Comfort>>,
    /// What to avoid; at most 20 entries of at most 200 characters.
    avoid: MaybeUndefined<Vec<String>>,
    /// What brings the person back to themselves; at most 500 characters.
    grounding: MaybeUndefined<String>,
    /// What to eat and drink; at most 500 characters.
    food_and_drink: MaybeUndefined<String>,
    /// Words that help the person; at most 500 characters.
    words: MaybeUndefined<String>,
    /// How to contact the person, the most welcome way first; each at most once.
    contact: MaybeUndefined<Vec<ContactWay>>,
    /// Whether the person wants company.
    nearness: MaybeUndefined<Nearness>,
    /// Anything else; at most 4000 characters.
    anything_else: MaybeUndefined<String>,
}

impl From<rules::Needs> for Needs {
    fn from(needs: rules::Needs) -> Self {
        let rules::Needs {
            comforts,
            avoid,
            grounding,
            food_and_drink,
            words,
            contact,
            nearness,
            anything_else,
        } = needs;
        Self {
            comforts,
            avoid: avoid.into_iter().map(Into::into).collect(),
            grounding: grounding.into(),
            food_and_drink: food_and_drink.into(),
            words: words.into(),
            contact,
            nearness,
            anything_else: anything_else.into(),
        }
    }
}

impl From<NeedsInput> for NeedsPatch {
    fn from(input: NeedsInput) -> Self {
        Self {
            comforts: input.comforts.into(),
            avoid: input.avoid.into(),
            grounding: input.grounding.into(),
            food_and_drink: input.food_and_drink.into(),
            words: input.words.into(),
            contact: input.contact.into(),
            nearness: input.nearness.into(),
            anything_else: input.anything_else.into(),
        }
    }
}

/// What one of the two needs, in a Revision.
#[derive(SimpleObject)]
pub struct PersonsNeeds {
    /// Whose Needs.
    who: Who,
    /// The Needs. Null: they were not written when the Revision was proposed, were erased, or cannot be read now, and
    /// `errors` tells which.
    needs: Readable<Option<Needs>>,
    /// Whether they were erased together with the account of whoever wrote them.
    erased: bool,
}

/// What both agree on together.
#[derive(SimpleObject)]
pub struct Terms {
    /// Whether the texts were erased together with the account of whoever proposed them; each then reads `erased`.
    erased: bool,
    /// The limits of both.
    limits: Text,
    /// The signal that stops everything.
    stop_signal: Text,
    /// When check-ins fall due, in the order in which they are likely to come.
    protocol: Vec<CheckInTime>,
    /// How and when the two want to be in touch.
    contact_plan: Text,
    /// What a partner may be told would be welcome; null: a partner is never told.
    partner_alert: Option<ContactWay>,
}

/// One person's agreement to one Revision.
#[derive(SimpleObject)]
pub struct Agreement {
    /// Who agreed.
    who: Who,
    /// When they agreed.
    agreed_at: DateTime,
    /// When they withdrew it; null: it stands.
    withdrawn_at: Option<DateTime>,
}

/// One text of a link's negotiation. It never changes, except that somebody's words may be erased.
pub struct Revision {
    outline: RevisionOutline,
    /// The text, where it was opened already; else it is when it is asked for.
    text: Option<Arc<RevisionText>>,
    me: AccountId,
}

impl Revision {
    /// A Revision as one of the two reads it.
    pub fn new(outline: RevisionOutline, me: AccountId) -> Self {
        Self { outline, text: None, me }
    }

    /// The same, opened.
    pub fn opened(view: RevisionView, me: AccountId) -> Self {
        Self { outline: view.outline, text: Some(Arc::new(view.text)), me }
    }

    async fn text(&self, ctx: &Context<'_>) -> Result<Arc<RevisionText>, Failure> {
        if let Some(text) = &self.text {
            return Ok(Arc::clone(text));
        }
        let found = loaders(ctx).revision_text(self.outline.link, self.outline.id).await?;
        found.ok_or(Failure::Fault(Fault::Inconsistent("a Revision that vanished")))
    }
}

/// One text of a link's negotiation. It never changes, except that somebody's words may be erased.
#[Object]
impl Revision {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.outline.id.to_string().into()
    }

    /// The link whose Revision it is.
    async fn link(&self, ctx: &Context<'_>) -> Result<Option<PartnerLink>, Failure> {
        Ok(loaders(ctx).link(self.outline.link).await?.map(PartnerLink))
    }

    /// Its number on the link, from 1.
    async fn number(&self) -> i32 {
        self.outline.number
    }

    /// Whether it is proposed, agreed, superseded or withdrawn.
    async fn state(&self) -> RevisionState {
        self.outline.state
    }

    /// Who proposed it; null: an account that was erased.
    async fn author(&self) -> Option<Who> {
        self.outline.author.map(|account| Who::of(account, self.me))
    }

    /// When it was proposed.
    async fn created_at(&self) -> DateTime {
        self.outline.created_at.into()
    }

    /// A hash of the whole text, in hex, which `agreeToRevision` must name; it stays the same when words are erased.
    /// While a part of the text cannot be read, `agreeToRevision` fails.
    async fn content_hash(&self) -> &str {
        &self.outline.content_hash
    }

    /// What each of the two needs. Null: it cannot be read now; do not offer to agree.
    async fn needs(&self, ctx: &Context<'_>) -> Readable<Vec<PersonsNeeds>> {
        let needs = async {
            let text = self.text(ctx).await?;
            let text = Result::as_ref(&text).map_err(|error| Fault::Vault(*error))?;
            let needs = text.needs.iter().map(|p| PersonsNeeds {
                who: p.account.map_or(Who::Partner, |account| Who::of(account, self.me)),
                needs: readable::of(&p.needs, |needs| needs.clone().map(Into::into)),
                erased: p.account.is_none(),
            });
            Ok::<_, Failure>(needs.collect())
        };
        needs.await.into()
    }

    /// What both agree on together. Null: it cannot be read now; do not offer to agree.
    async fn terms(&self, ctx: &Context<'_>) -> Readable<Terms> {
        let terms = async {
            let text = self.text(ctx).await?;
            let terms = Result::as_ref(&text).map_err(|error| *error).and_then(|text| text.terms.clone());
            let (terms, erased) = terms.map_err(Fault::Vault)?;
            Ok::<_, Failure>(Terms {
                erased,
                limits: terms.limits.into(),
                stop_signal: terms.stop_signal.into(),
                protocol: times(&terms.protocol),
                contact_plan: terms.contact_plan.into(),
                partner_alert: terms.partner_alert,
            })
        };
        terms.await.into()
    }

    /// Every agreement to it, the oldest first.
    async fn agreements(&self) -> Vec<Agreement> {
        let yeses = self.outline.agreements.iter();
        yeses
            .map(|yes| Agreement {
                who: Who::of(yes.account, self.me),
                agreed_at: yes.agreed_at.into(),
                withdrawn_at: yes.withdrawn_at.map(Into::into),
            })
            .collect()
    }

    /// The paths of the fields in which it differs from another Revision of the link, such as `terms.limits` or
    /// `needs.partners.words`. Null: there is no such Revision, or one of the two texts cannot be read now, and
    /// `errors` tells which.
    async fn changes_since(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of the other Revision; default: the one before.")] number: Option<i32>,
    ) -> Readable<Option<Vec<String>>> {
        self.changes(ctx, number).await.into()
    }
}

impl Revision {
    async fn changes(&self, ctx: &Context<'_>, number: Option<i32>) -> Result<Option<Vec<String>>, Failure> {
        let number = number.unwrap_or(self.outline.number - 1);
        let (loaders, link) = (loaders(ctx), self.outline.link);
        let outlines = loaders.revisions(link).await?;
        let Some(other) = outlines.iter().find(|other| other.number == number) else { return Ok(None) };
        let (other, this) = futures::try_join!(loaders.revision_text(link, other.id), self.text(ctx))?;
        let Some(other) = other else { return Ok(None) };
        let whole = |text: &RevisionText| {
            text.as_ref().map_err(|error| *error).and_then(PartlyOpened::whole).map_err(Fault::Vault)
        };
        Ok(Some(changed_fields(&whole(&other)?, &whole(&this)?, self.me)))
    }
}
