//! Data rights: export, erasure, and the health-data consent.

use crate::actions::accounts::{consent, erasure};
use crate::actions::export;
use crate::domain::account::ConsentKind;
use crate::domain::consent::Statement;
use crate::graphql::errors::{Failure, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::account::Account;
use crate::graphql::types::data_rights::{Erasure, Export, ExportDownload};
use crate::graphql::{caller, context};
use async_graphql::{Context, InputObject, Object};

/// Gives a consent again.
#[derive(InputObject)]
struct GiveConsentInput {
    /// Which one: `HEALTH_DATA`, the only one that can be taken back.
    kind: ConsentKind,
    /// The version of the words that the person read, as in `consentTexts`. `CHANGED` says that the words are others by now.
    version: String,
}

payload!(
    /// The answer to `requestExport`.
    RequestExportPayload {
        /// The export that is being made.
        export: Export
    }
);
payload!(
    /// The answer to `createExportDownload`.
    CreateExportDownloadPayload {
        /// Where to fetch it.
        download: ExportDownload
    }
);
payload!(
    /// The answer to `requestErasure`.
    RequestErasurePayload {
        /// When it takes place.
        erasure: Erasure
    }
);
payload!(
    /// The answer to `cancelErasure`.
    CancelErasurePayload {}
);
payload!(
    /// The answer to `withdrawConsent`.
    WithdrawConsentPayload {
        /// The account as it is now.
        account: Account
    }
);
payload!(
    /// The answer to `giveConsent`.
    GiveConsentPayload {
        /// The account as it is now.
        account: Account
    }
);

/// Taking out and erasing.
#[derive(Default)]
pub struct DataRightsMutation;

#[Object]
impl DataRightsMutation {
    /// Asks for everything that is kept of oneself; needs a fresh proof. It is made in the background: look at
    /// `viewer.export`. One that is ready already is made anew.
    async fn request_export(&self, ctx: &Context<'_>) -> Result<RequestExportPayload, Failure> {
        Ok(settle(export::request(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Gives out the path at which the export that is ready can be fetched, once; needs a fresh proof. Once it was
    /// fetched it is thrown away. A path that was given out before stops working.
    async fn create_export_download(
        &self,
        ctx: &Context<'_>,
    ) -> Result<CreateExportDownloadPayload, Failure> {
        Ok(settle_done(export::fetch(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Asks for one's account to be erased; needs a fresh proof. Links end at once, and nobody is told. For 72 hours, and
    /// for as long as a change of address can be taken back, it can be undone; after that everything of the person is
    /// gone for good.
    async fn request_erasure(&self, ctx: &Context<'_>) -> Result<RequestErasurePayload, Failure> {
        Ok(settle(erasure::request(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Takes the erasure back. What is still open comes as planned; links that ended stay ended. Needs
    /// a fresh proof: see `reauthenticate`.
    async fn cancel_erasure(&self, ctx: &Context<'_>) -> Result<CancelErasurePayload, Failure> {
        Ok(settle_done(erasure::cancel(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Withdraws the health-data consent. At once nothing of the person is worked on any more, and nothing they shared
    /// is shown; nobody is told. What they wrote stays sealed until they erase it or give the consent again.
    async fn withdraw_consent(&self, ctx: &Context<'_>) -> Result<WithdrawConsentPayload, Failure> {
        Ok(settle(consent::withdraw(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Gives the health-data consent again, to the words of `consentTexts` that the person read. What is still open comes as
    /// planned.
    async fn give_consent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which consent, in which words.")] input: GiveConsentInput,
    ) -> Result<GiveConsentPayload, Failure> {
        let given = Statement { kind: input.kind, version: input.version };
        Ok(settle(consent::give(context(ctx), &caller(ctx)?, given).await)?.into())
    }
}
