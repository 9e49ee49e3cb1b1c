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
    /// `HEALTH_DATA`, the only consent that can be withdrawn and given again.
    kind: ConsentKind,
    /// The `ConsentText.version` that the person read. `CHANGED`: there is a newer one; show it.
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
        /// Where to fetch the export.
        download: ExportDownload
    }
);
payload!(
    /// The answer to `requestErasure`.
    RequestErasurePayload {
        /// The erasure, and when it happens.
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
        /// The account after the change.
        account: Account
    }
);
payload!(
    /// The answer to `giveConsent`.
    GiveConsentPayload {
        /// The account after the change.
        account: Account
    }
);

/// Taking out and erasing.
#[derive(Default)]
pub struct DataRightsMutation;

#[Object]
impl DataRightsMutation {
    /// Requests an export of everything that is stored about the viewer. It is made in the background: see
    /// `viewer.export`. An export that is ready is replaced. Needs a fresh proof: see `reauthenticate`.
    async fn request_export(&self, ctx: &Context<'_>) -> Result<RequestExportPayload, Failure> {
        Ok(settle(export::request(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Makes the path at which the export can be fetched once; then the export is deleted. An earlier path stops
    /// working. Needs a fresh proof: see `reauthenticate`.
    async fn create_export_download(
        &self,
        ctx: &Context<'_>,
    ) -> Result<CreateExportDownloadPayload, Failure> {
        Ok(settle_done(export::fetch(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Requests the erasure of the account. All links end at once, and nobody is told. It can be cancelled for 72
    /// hours, or for as long as a change of address can be undone; after that everything of the person is deleted for
    /// good. Needs a fresh proof: see `reauthenticate`.
    async fn request_erasure(&self, ctx: &Context<'_>) -> Result<RequestErasurePayload, Failure> {
        Ok(settle(erasure::request(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Cancels the erasure. What is still open comes as planned; links that ended stay ended. Needs a fresh proof:
    /// see `reauthenticate`.
    async fn cancel_erasure(&self, ctx: &Context<'_>) -> Result<CancelErasurePayload, Failure> {
        Ok(settle_done(erasure::cancel(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Withdraws the health-data consent. The account is on hold at once: no reminders, and nothing that the person
    /// shared is shown; nobody is told. What they wrote stays encrypted until they give the consent again or erase
    /// the account.
    async fn withdraw_consent(&self, ctx: &Context<'_>) -> Result<WithdrawConsentPayload, Failure> {
        Ok(settle(consent::withdraw(context(ctx), &caller(ctx)?).await)?.into())
    }

    /// Gives the health-data consent again, for the text of `consentTexts` that the person read. What is still open
    /// comes as planned.
    async fn give_consent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which consent, in which words.")] input: GiveConsentInput,
    ) -> Result<GiveConsentPayload, Failure> {
        let given = Statement { kind: input.kind, version: input.version };
        Ok(settle(consent::give(context(ctx), &caller(ctx)?, given).await)?.into())
    }
}
