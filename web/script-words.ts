/** Who may spend an output, in plain words, by the well-known shapes of its script. Pure. */

// BIP 141 and 341 (witness programs), BIP 16 (script hash); Bitcoin Core script/solver.cpp, Solver, for the rest.
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/^0014[0-9a-f]{40}$/, 'to a key (P2WPKH)'],
  [/^76a914[0-9a-f]{40}88ac$/, 'to a key (P2PKH)'],
  [/^(?:21|41[0-9a-f]{64})[0-9a-f]{66}ac$/, 'to a key (P2PK)'],
  [/^5120[0-9a-f]{64}$/, 'to a key or scripts (Taproot)'],
  [/^a914[0-9a-f]{40}87$/, 'to a script (P2SH)'],
  [/^0020[0-9a-f]{64}$/, 'to a script (P2WSH)'],
  [/^6a/, 'data, spendable by nobody'],
]

/** `script` in hex. */
export function describeScript(script: string): string {
  return SHAPES.find(([shape]) => shape.test(script))?.[1] ?? 'to another script'
}
