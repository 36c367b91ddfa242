import { buildIfNeeded } from '../../scripts/build-steps.ts'
import { findChromiumOrExit } from '../find-chromium.ts'

/** The browser must be there, and the gateway serves the page as built. */
export default function setUp(): void {
  findChromiumOrExit()
  buildIfNeeded()
}
