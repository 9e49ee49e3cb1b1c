//! Register and remove devices.

use crate::actions::nudges::device::{self, Subscription};
use crate::graphql::errors::{Failure, id, settle, settle_done};
use crate::graphql::payload::payload;
use crate::graphql::types::account::Device;
use crate::graphql::{caller, context};
use async_graphql::{Context, ID, InputObject, Object};

/// Registers a Web Push subscription, as `PushSubscription.toJSON()` or UnifiedPush gives it.
#[derive(InputObject)]
struct RegisterDeviceInput {
    /// The `https` URL of a known push service; at most 2000 characters.
    endpoint: String,
    /// The public key: 65 bytes of P-256 in base64url.
    #[graphql(name = "p256dh")]
    p256dh: String,
    /// The secret: 16 bytes in base64url.
    auth: String,
    /// A name for the device; at most 60 characters.
    label: String,
    /// Whether the lock screen of this device may show what a reminder is about and offer to answer it. By default it
    /// only shows that there is a reminder.
    #[graphql(default)]
    fuller_words: bool,
}

/// Names the device to remove.
#[derive(InputObject)]
struct RemoveDeviceInput {
    /// One of the viewer's devices.
    device_id: ID,
}

payload!(
    /// The answer to `registerDevice`.
    RegisterDevicePayload {
        /// The device as it is registered now.
        device: Device
    }
);
payload!(
    /// The answer to `removeDevice`.
    RemoveDevicePayload {
        /// The device that was removed.
        removed_device_id: ID
    }
);

/// Changes to devices.
#[derive(Default)]
pub struct DeviceMutation;

#[Object]
impl DeviceMutation {
    /// Registers a device for Web Push. Registering the same endpoint again updates its keys, label and wording.
    async fn register_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The subscription.")] input: RegisterDeviceInput,
    ) -> Result<RegisterDevicePayload, Failure> {
        let RegisterDeviceInput { endpoint, p256dh, auth, label, fuller_words } = input;
        let subscription = Subscription { endpoint, p256dh, auth, fuller_words };
        Ok(settle(device::register(context(ctx), &caller(ctx)?, subscription, label).await)?.into())
    }

    /// Removes a device: nothing is pushed to it any more.
    async fn remove_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RemoveDeviceInput,
    ) -> Result<RemoveDevicePayload, Failure> {
        let by = caller(ctx)?;
        let outcome = async { device::remove(context(ctx), &by, id("deviceId", &input.device_id)?).await };
        Ok(settle_done(outcome.await.map(|()| input.device_id.clone()))?.into())
    }
}
