import { createFileStore, StoreError, type Chain, type HeaderStore, type OpenedStore } from '../nodejs.ts'
import { CommandError, oneLine } from './command-error.ts'

/** Opens a chain's files for this process alone. The caller closes the store. Throws `CommandError` 2. */
export async function openStore(
  chain: Chain,
  directory: string,
): Promise<{ readonly store: HeaderStore; readonly opened: OpenedStore }> {
  const store = createFileStore({
    chain: chain.id,
    genesis: chain.genesis,
    headerSizeBytes: chain.headerSizeBytes,
    directory,
  })
  try {
    return { store, opened: await store.open() }
  } catch (error) {
    await store.close()
    if (error instanceof StoreError) throw new CommandError(2, oneLine(error), { cause: error })
    throw error
  }
}
