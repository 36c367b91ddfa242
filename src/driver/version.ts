/** The version in package.json; a test holds the two together. */
export const VERSION = '0.1.0'

/** What we call ourselves to peers. */
export const AGENT: string = `rushlight/${VERSION}`
