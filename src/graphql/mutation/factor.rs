//! How a person shows that it is them.

use crate::actions::proof;
use crate::graphql::errors::{Failure, payload, settle_done};
use crate::graphql::{caller, house};
use async_graphql::{Context, InputObject, Object};

/// A proof that it is still the owner who holds this session.
#[derive(InputObject)]
struct ProveItIsMeInput {
    /// The password.
    password: String,
}

payload!(
    /// The answer to `proveItIsMe`.
    ProveItIsMePayload {}
);

/// Changes to what a person proves themselves with.
#[derive(Default)]
pub struct FactorMutation;

#[Object]
impl FactorMutation {
    /// Shows once more that it is the owner who holds this session. For five minutes the session may then do what
    /// otherwise answers `PROOF_NEEDED`; after a log-in it may likewise.
    async fn prove_it_is_me(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: ProveItIsMeInput,
    ) -> Result<ProveItIsMePayload, Failure> {
        Ok(settle_done(proof::by_password(house(ctx), &caller(ctx)?, input.password.into()).await)?.into())
    }
}
