const BYTES_SHOWN = 8
const ITEMS_SHOWN = 3

/** `{ type, … }` as `type key=value …`; bytes and lists in short. */
export function formatValue(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length}B:${hex(value.subarray(-BYTES_SHOWN))}`
  if (Array.isArray(value)) {
    const more = value.length > ITEMS_SHOWN ? `, … ${value.length}` : ''
    return `[${value.slice(0, ITEMS_SHOWN).map(formatValue).join(', ')}${more}]`
  }
  if (typeof value === 'object' && value !== null) {
    const { type, ...rest } = value as Record<string, unknown>
    const fields = Object.entries(rest).map(([key, field]) => `${key}=${formatField(field)}`)
    return [...(typeof type === 'string' ? [type] : []), ...fields].join(' ')
  }
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value.slice(0, BYTES_SHOWN * 2)
  return String(value)
}

function formatField(value: unknown): string {
  const isGrouped =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  return isGrouped ? `{${formatValue(value)}}` : formatValue(value)
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
