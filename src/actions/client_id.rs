//! What an app creates under an id of its own is created once, however late it asks again (R04).

use super::{ActionResult, Fault, Transaction};
use crate::domain::client_id::ClientId;
use crate::ids::{AccountId, RowId, TypedId};
use crate::store;
use crate::store::client_id::ClientIdRow;
use std::marker::PhantomData;

/// What is known of a client id.
pub(in crate::actions) enum Claim<I> {
    /// This was created under it. It may be gone since.
    Made(I),
    /// Nothing was; what is created now is to be noted.
    Free(Free<I>),
}

/// A client id, if the app made one, that stands for nothing yet; locked until the transaction ends.
#[must_use = "what is created is to be noted, or asking again creates it again"]
pub(in crate::actions) struct Free<I> {
    key: Option<(AccountId, Vec<u8>)>,
    of: PhantomData<I>,
}

/// Looks up a client id, first of all in its transaction: a repeat is one whatever else it says. Of two requests at the same
/// moment, the second waits for the first. Ids of different people never meet.
pub(in crate::actions) fn claim<I: TypedId>(
    tx: &mut Transaction<'_>,
    account: AccountId,
    client_id: Option<String>,
) -> ActionResult<Claim<I>> {
    let Some(text) = client_id else { return Ok(Claim::Free(Free { key: None, of: PhantomData })) };
    let id = ClientId::parse(text)?;
    let whose = account.uuid().simple();
    let hash = tx.vault.blind_index("client-id", &format!("{whose}\0{}", id.as_str()));
    store::dialect::lock_index(tx.db, &hash)?;
    match store::client_id::find(tx.db, account, &hash)? {
        None => Ok(Claim::Free(Free { key: Some((account, hash)), of: PhantomData })),
        Some(row) if row.noun == I::NOUN => Ok(Claim::Made(I::of(row.object_id.uuid()))),
        Some(_) => Err(ClientId::taken().into()),
    }
}

impl<I: TypedId> Free<I> {
    /// Notes what was created.
    pub(in crate::actions) fn note(self, tx: &mut Transaction<'_>, made: I) -> Result<(), Fault> {
        if let Some((account_id, client_hash)) = self.key {
            let (noun, object_id) = (I::NOUN.to_owned(), RowId(made.uuid()));
            store::client_id::insert(tx.db, &ClientIdRow { account_id, client_hash, noun, object_id })?;
        }
        Ok(())
    }
}
