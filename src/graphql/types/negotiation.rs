//! Negotiation: Needs, terms, Revisions, agreements and what changed.

use super::{DateTime, Who};
use crate::actions::links::revisions::{RevisionView, Which};
use crate::domain::negotiation::{
    self as rules, Comfort, ContactWay, Nearness, RevisionState, changed_fields,
};
use crate::graphql::errors::Failure;
use crate::graphql::loaders;
use crate::ids::AccountId;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// What one person needs after a scene. Texts are plain; each has a limit in characters.
#[derive(Clone, Debug, SimpleObject, InputObject)]
#[graphql(input_name = "NeedsInput")]
pub struct Needs {
    /// What helps; each once.
    #[graphql(default)]
    pub comforts: Vec<Comfort>,
    /// What to avoid; at most 20 entries of at most 200 characters.
    #[graphql(default)]
    pub avoid: Vec<String>,
    /// What brings one back; at most 500 characters.
    #[graphql(default)]
    pub grounding: String,
    /// What to eat and drink; at most 500 characters.
    #[graphql(default)]
    pub food_and_drink: String,
    /// Words that help; at most 500 characters.
    #[graphql(default)]
    pub words: String,
    /// How to be contacted, the dearest first; each once.
    #[graphql(default)]
    pub contact: Vec<ContactWay>,
    /// Space or closeness.
    pub nearness: Option<Nearness>,
    /// Anything else; at most 4000 characters.
    #[graphql(default)]
    pub anything_else: String,
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
        Self { comforts, avoid, grounding, food_and_drink, words, contact, nearness, anything_else }
    }
}

impl From<Needs> for rules::Needs {
    fn from(needs: Needs) -> Self {
        let Needs { comforts, avoid, grounding, food_and_drink, words, contact, nearness, anything_else } =
            needs;
        Self { comforts, avoid, grounding, food_and_drink, words, contact, nearness, anything_else }
    }
}

/// One person's Needs in a Revision.
#[derive(SimpleObject)]
pub struct PersonsNeeds {
    /// Whose.
    who: Who,
    /// Null: not written when the Revision was proposed, or erased.
    needs: Option<Needs>,
    /// Whether they are gone because whoever wrote them erased their account.
    erased: bool,
}

/// What both agree on together.
#[derive(SimpleObject)]
pub struct Terms {
    /// Whether the texts are gone because whoever proposed them erased their account; each then reads `erased`.
    erased: bool,
    /// Limits, in their words.
    limits: String,
    /// The signal that stops everything.
    stop_signal: String,
    /// When check-ins fall due, in minutes after a scene's end, rising.
    protocol: Vec<u32>,
    /// How and when they want to be in touch.
    contact_plan: String,
    /// What a partner may be told would be welcome; null: nothing, and no partner is ever told.
    partner_alert: Option<ContactWay>,
}

/// One person's yes to one Revision.
#[derive(SimpleObject)]
pub struct Agreement {
    /// Whose.
    who: Who,
    /// When it was given.
    agreed_at: DateTime,
    /// When it was taken back.
    withdrawn_at: Option<DateTime>,
}

/// One immutable text of a negotiation.
pub struct Revision {
    view: RevisionView,
    me: AccountId,
}

impl Revision {
    /// A Revision as one of the two reads it.
    pub fn new(view: RevisionView, me: AccountId) -> Self {
        Self { view, me }
    }
}

/// One immutable text of a negotiation.
#[Object]
impl Revision {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.view.id.to_string().into()
    }

    /// Its number in the link, from 1.
    async fn number(&self) -> i32 {
        self.view.number
    }

    /// Where it stands.
    async fn state(&self) -> RevisionState {
        self.view.state
    }

    /// Who proposed it; null: an account that is gone.
    async fn author(&self) -> Option<Who> {
        self.view.author.map(|account| Who::of(account, self.me))
    }

    /// When it was proposed.
    async fn created_at(&self) -> DateTime {
        self.view.created_at.into()
    }

    /// What `agreeToRevision` must name: it covers the whole text, in hex, and stays when somebody's words are erased.
    async fn content_hash(&self) -> &str {
        &self.view.content_hash
    }

    /// Each one's Needs.
    async fn needs(&self) -> Vec<PersonsNeeds> {
        let needs = self.view.content.needs.iter();
        needs
            .map(|p| PersonsNeeds {
                who: p.account.map_or(Who::Partner, |account| Who::of(account, self.me)),
                needs: p.needs.clone().map(Into::into),
                erased: p.account.is_none(),
            })
            .collect()
    }

    /// What both agree on together.
    async fn terms(&self) -> Terms {
        let terms = &self.view.content.terms;
        Terms {
            erased: self.view.content.terms_erased,
            limits: terms.limits.clone(),
            stop_signal: terms.stop_signal.clone(),
            protocol: terms.protocol.minutes().to_vec(),
            contact_plan: terms.contact_plan.clone(),
            partner_alert: terms.partner_alert,
        }
    }

    /// Every yes that it got, the oldest first.
    async fn agreements(&self) -> Vec<Agreement> {
        let yeses = self.view.agreements.iter();
        yeses
            .map(|yes| Agreement {
                who: Who::of(yes.account, self.me),
                agreed_at: yes.agreed_at.into(),
                withdrawn_at: yes.withdrawn_at.map(Into::into),
            })
            .collect()
    }

    /// The paths of the fields in which this text differs from another Revision's, such as `terms.limits` or
    /// `needs.partners.words`. Null: there is no such other Revision on this link.
    async fn changes_since(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other Revision's number; default: the one before.")] number: Option<i32>,
    ) -> Result<Option<Vec<String>>, Failure> {
        let number = number.unwrap_or(self.view.number - 1);
        let other = loaders(ctx).revision(self.view.link, Which::Number(number)).await?;
        Ok(other.map(|other| changed_fields(&other.content, &self.view.content, self.me)))
    }
}
