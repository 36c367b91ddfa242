import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'

/** A file of the page as it is answered. */
export interface PageFile {
  readonly body: Uint8Array
  readonly contentType: string
  readonly cacheControl: string
}

// RFC 9239 (JavaScript), WHATWG MIME Sniffing; what vite writes and a page may hold.
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
}

/** Segments that begin with a letter, digit, `_` or `-`: no `..`, no hidden file, nothing percent-encoded. */
const PATH_PATTERN = /^(\/[\w-][\w.-]*)+$/

const UNBUILT_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Rushlight</title>
<h1>Rushlight is running</h1>
<p>Its page is not built yet: run <code>npm run build</code> in the checkout and load this again.</p>
<p><a href="/api/status">/api/status</a></p>
</html>
`

/** Where the build puts the page; the same from src/cli and from dist/cli. */
export const PAGE_DIRECTORY: URL = new URL('../../dist/web/', import.meta.url)

/** The page's file of a request path; undefined where there is none. */
export async function readPageFile(directory: URL, path: string): Promise<PageFile | undefined> {
  const filePath = path === '/' ? '/index.html' : path
  const contentType = CONTENT_TYPES[extname(filePath)]
  if (contentType === undefined || !PATH_PATTERN.test(filePath)) return undefined
  // Names under assets/ carry a hash of their content.
  const cacheControl = filePath.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
  try {
    const body = await readFile(new URL(`.${filePath}`, directory))
    return { body, contentType, cacheControl }
  } catch {
    return filePath === '/index.html' ? { body: Buffer.from(UNBUILT_PAGE), contentType, cacheControl } : undefined
  }
}
