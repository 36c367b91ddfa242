import type { Log, LogFields } from '../nodejs.ts'
import type { Terminal } from './terminal.ts'

const PLAIN_PATTERN = /^[\w.:/,@+-]+$/
const DIM = '\x1b[2m'
const YELLOW = '\x1b[33m'
const RESET = '\x1b[0m'

/** `12:34:56 peer-ready peer=12D3… agent="rushlight/0.1.0"`: one event name and fields, on one line whatever is in them. */
export function formatLogLine(args: {
  readonly event: string
  readonly fields: LogFields
  readonly date: Date
  readonly hasColour: boolean
}): string {
  const time = args.date.toISOString().slice(11, 19)
  const fields = Object.entries(args.fields).filter(([, value]) => value !== undefined)
  const text = fields.map(([name, value]) => ` ${name}=${quote(String(value))}`).join('')
  if (!args.hasColour) return `${time} ${args.event}${text}`
  const event = args.event.startsWith('warning') ? `${YELLOW}${args.event}${RESET}` : args.event
  return `${DIM}${time}${RESET} ${event}${text}`
}

/** Words of a peer may hold anything: JSON leaves no control character, and the rest that is not ASCII is escaped too. */
function quote(text: string): string {
  if (PLAIN_PATTERN.test(text)) return text
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, escape)
}

/** Writes each event as a line of the terminal's log. */
export function logTo(terminal: Terminal): Log {
  return (event, fields = {}) => {
    terminal.log(formatLogLine({ event, fields, date: new Date(), hasColour: terminal.hasColour }))
  }
}
