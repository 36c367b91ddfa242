import type { CreateLibp2p } from '../../src/host/libp2p-core.ts'

let chosen: CreateLibp2p | undefined

/** Hosts of this test file run over this one; without it over libp2p itself. */
export function runHostsOver(createLibp2p: CreateLibp2p): void {
  chosen = createLibp2p
}

export const libp2pUnderTest: CreateLibp2p = async (parts) => {
  // Loaded when needed only, so that this file runs in a tab too.
  const create = chosen ?? (await import('../../src/host/libp2p.nodejs.ts')).createNodejsLibp2p
  return create(parts)
}
