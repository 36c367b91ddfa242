/** A large block with witnesses that bitcoind takes for good: transactions that anybody can spend. */
import { sha256 } from '../../src/hash/sha256.ts'
import { doubleSha256 } from '../../src/host/bitcoin-socket.nodejs.ts'
import type { BitcoinDaemon } from './bitcoin-daemon.ts'

/** BIP 141: OP_DROP OP_TRUE, which takes any one item; an item is 520 bytes at most. */
const WITNESS_SCRIPT = '7551'
const OUTPUT_SCRIPT = `0020${Buffer.from(sha256(Buffer.from(WITNESS_SCRIPT, 'hex'))).toString('hex')}`
const ITEM_BYTES = 500
/** OP_RETURN OP_PUSHDATA2, a size and that many bytes: unspendable, and weighty. */
const DATA_BYTES = 2_000
const COINBASE_MATURITY = 100

/**
 * Mines a block of so many transactions besides the coinbase, each with an output of 2 kB and all but the first with a
 * witness, and what has to be mined before it. Returns its root.
 */
export async function mineLargeBlock(daemon: BitcoinDaemon, transactionCount: number): Promise<string> {
  await daemon.mine(COINBASE_MATURITY + 1)
  const first = await daemon.call<string>('getblockhash', 1)
  const { tx } = await daemon.call<{ tx: readonly string[] }>('getblock', first, 1)
  let spent = { txid: tx[0] ?? '', value: 50n * 100_000_000n }
  const transactions: string[] = []
  for (let index = 0; index < transactionCount; index += 1) {
    const { bytes, output } = spend(spent, index)
    transactions.push(bytes)
    spent = output
  }
  const { hash } = await daemon.call<{ hash: string }>('generateblock', 'raw(51)', transactions)
  return hash
}

function spend(spent: { readonly txid: string; readonly value: bigint }, index: number) {
  // No fee: a miner takes what it likes.
  const { txid, value } = spent
  // One input: output 0 of that transaction, no script, final.
  const input = `01${reversed(txid)}0000000000ffffffff`
  const data = `6a4d${uint(DATA_BYTES, 2)}${uint(index, 4).repeat(DATA_BYTES / 4)}`
  const outputs = `02${uint(value, 8)}22${OUTPUT_SCRIPT}${uint(0, 8)}fd${uint(data.length / 2, 2)}${data}`
  const item = uint(index + 1, 4).repeat(ITEM_BYTES / 4)
  const witness = index === 0 ? undefined : `02fd${uint(ITEM_BYTES, 2)}${item}02${WITNESS_SCRIPT}`
  const stripped = `02000000${input}${outputs}00000000`
  const bytes = witness === undefined ? stripped : `020000000001${input}${outputs}${witness}00000000`
  const hash = Buffer.from(doubleSha256(Buffer.from(stripped, 'hex'))).toString('hex')
  return { bytes, output: { txid: reversed(hash), value } }
}

/** Little-endian hex. */
function uint(value: number | bigint, sizeBytes: number): string {
  return reversed(value.toString(16).padStart(2 * sizeBytes, '0'))
}

function reversed(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex')
}
