//! Key rotation: rewraps all keys with a new master key and reseals all data with new data keys, on a running service.

use crate::actions::{AppContext, Fault, Transaction};
use crate::ids::RowId;
use crate::store::sealed::{ACCOUNT_KEYS, Cell, Column, LINK_KEYS, Owner, SEALED, Sealed, WRAPPED};
use crate::store::{Db, sealed};
use crate::vault::key_ring::MasterId;
use crate::vault::{Aad, DataKey, Vault, VaultError};
use std::sync::Arc;

/// Keys rewrapped per transaction; other writes go in between.
const BATCH: i64 = 100;

/// The result of a run over all keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// How many keys were renewed.
    pub renewed: usize,
    /// Why some could not be opened; these were left as they are.
    pub left: Vec<VaultError>,
}

fn aad(of: Column, cell: &Cell) -> Aad {
    let (first, second) = cell.aad(of);
    Aad::pair(of.table, of.column, first, second)
}

/// Rewraps every key with the newest master key of this process, the house secret first: from then on the new master
/// key is in force for new keys as well. Keys already under it are skipped, so an interrupted run can be repeated.
///
/// # Errors
/// The database fails, or the house secret cannot be opened.
pub async fn rotate(context: &Arc<AppContext>) -> Result<(MasterId, Gone), Fault> {
    let to = context.vault.newest();
    let mut gone = Gone::default();
    for of in WRAPPED.iter().copied() {
        let mut after = None;
        loop {
            let work = move |tx: &mut Transaction<'_>| rewrap(tx.db, tx.vault, of, after, to);
            let (some, last) = context.exclusive_tx(work).await?;
            gone.renewed += some.renewed;
            gone.left.extend(some.left);
            after = last;
            if after.is_none() {
                break;
            }
        }
        if let (true, Some(error)) = (of == WRAPPED[0], gone.left.first()) {
            return Err((*error).into());
        }
    }
    Ok((to, gone))
}

/// Rewraps one batch; returns the last key of the batch, or None at the end.
fn rewrap(
    db: &mut Db,
    vault: &Vault,
    of: Column,
    after: Option<RowId>,
    to: MasterId,
) -> Result<(Gone, Option<RowId>), Fault> {
    let cells = sealed::page(db, of, after, BATCH)?;
    let mut gone = Gone::default();
    for cell in &cells {
        match vault.rewrap(aad(of, cell), &cell.bytes, to) {
            Ok(None) => {}
            Ok(Some(wrapped)) => gone.renewed += sealed::replace(db, of, cell, wrapped)?,
            // No key opens it, so stopping here would help nobody.
            Err(error) => gone.left.push(error),
        }
    }
    Ok((gone, cells.last().map(|cell| cell.key)))
}

/// Gives every account and link a new data key and reseals everything under it. Each has its own transaction,
/// which also stores the progress, so an interrupted run continues where it stopped.
///
/// # Errors
/// The database fails.
pub async fn re_encrypt(context: &Arc<AppContext>) -> Result<Gone, Fault> {
    let mut gone = Gone::default();
    for (owner, keys) in [(Owner::Account, ACCOUNT_KEYS), (Owner::Link, LINK_KEYS)] {
        loop {
            let work = move |tx: &mut Transaction<'_>| renew_next(tx.db, tx.vault, owner, keys);
            match context.exclusive_tx(work).await? {
                None => break,
                Some(Ok(())) => gone.renewed += 1,
                Some(Err(error)) => gone.left.push(error),
            }
        }
    }
    context.worker_tx(|tx| Ok(sealed::end_renewal(tx.db)?)).await?;
    Ok(gone)
}

/// Renews the next owner's key; None at the end. If anything cannot be opened, that owner stays as it is, key
/// included.
fn renew_next(
    db: &mut Db,
    vault: &Vault,
    owner: Owner,
    keys: Column,
) -> Result<Option<Result<(), VaultError>>, Fault> {
    let reached = sealed::renewed_up_to(db, keys.table)?;
    let Some(old) = sealed::page(db, keys, reached, 1)?.pop() else { return Ok(None) };
    sealed::note_renewed(db, keys.table, old.key)?;
    let mut read = Vec::new();
    for column in SEALED.iter().filter(|column| column.owner == owner) {
        read.extend(sealed::owned(db, column, old.key)?.into_iter().map(|cell| (column, cell)));
    }
    let anew = match seal_anew(vault, keys, &old, &read) {
        Ok(anew) => anew,
        Err(error) => return Ok(Some(Err(error))),
    };
    for (of, cell, bytes) in anew {
        sealed::replace(db, of, &cell, bytes)?;
    }
    Ok(Some(Ok(())))
}

type Anew = Vec<(Column, Cell, Vec<u8>)>;

/// An owner's new wrapped key, and everything that the old one sealed under the new one.
fn seal_anew(vault: &Vault, of: Column, old: &Cell, all: &[(&Sealed, Cell)]) -> Result<Anew, VaultError> {
    let old_key = vault.unwrap(aad(of, old), &old.bytes)?;
    let key = DataKey::random(vault.chance());
    let by = Vault::wrapped_by(aad(of, old), &old.bytes)?;
    let mut anew = vec![(of, old.clone(), vault.wrap(aad(of, old), &key, by)?)];
    for (sealed, cell) in all {
        let aad = aad(sealed.at, cell);
        let plain = zeroize::Zeroizing::new(old_key.open(aad, &cell.bytes)?);
        anew.push((sealed.at, cell.clone(), key.seal(aad, &plain)?));
    }
    Ok(anew)
}
