/** Builds the library and the page where they are missing or older than their sources. */
import { buildIfNeeded } from './build-steps.ts'

buildIfNeeded()
