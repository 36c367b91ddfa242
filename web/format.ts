/** Quantities in words for people. Pure. */

const numberFormat = new Intl.NumberFormat('en')
const dateFormat = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

/** `10,236` */
export function formatNumber(value: number): string {
  return numberFormat.format(value)
}

/** `0 B`, `999 B`, `1.0 kB`, `12 MB`: powers of 1,000, two digits at least. */
export function formatBytes(sizeBytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = sizeBytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : formatNumber(Math.round(value))} ${units[unit]}`
}

const SATOSHI_PER_COIN = 100_000_000n

/** `50 BTC`, `0.00012345 BTC`: satoshi as coins. */
export function formatCoins(satoshi: bigint): string {
  const fraction = String(satoshi % SATOSHI_PER_COIN)
    .padStart(8, '0')
    .replace(/0+$/, '')
  return `${numberFormat.format(satoshi / SATOSHI_PER_COIN)}${fraction === '' ? '' : `.${fraction}`} BTC`
}

/** `less than a second`, `12 s`, `3 min`, `2 h 5 min`, `4 days`, `17 years`. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return 'less than a second'
  if (seconds < 60) return `${Math.floor(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  const days = Math.floor(hours / 24)
  if (days < 365) return days === 1 ? '1 day' : `${days} days`
  const years = Math.floor(days / 365)
  return years === 1 ? '1 year' : `${years} years`
}

/** How long ago, both in Unix seconds. A header may say up to two hours ahead of now; that reads `just now`. */
export function formatAge(time: number, nowSeconds: number): string {
  const seconds = nowSeconds - time
  return seconds < 2 ? 'just now' : `${formatDuration(seconds)} ago`
}

/** Local date and time of Unix seconds. */
export function formatDate(time: number): string {
  return dateFormat.format(time * 1000)
}

/** First and last eight characters: roots start with zeros, so the end is what tells them apart. */
export function shorten(text: string): string {
  return text.length <= 20 ? text : `${text.slice(0, 8)}…${text.slice(-8)}`
}

/** A reason as a sentence: first letter large, a full stop at the end. Empty stays empty. */
export function asSentence(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') return ''
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?…]$/.test(trimmed) ? '' : '.'}`
}

/** `bitcoin:mainnet` as people say it; other ids as they are. */
export function formatChain(chain: string): string {
  if (chain === 'bitcoin:mainnet') return 'Bitcoin'
  const [family, network] = chain.split(':')
  return family === 'bitcoin' && network !== undefined ? `Bitcoin ${network} (test coins)` : chain
}
