/** `npm run build`: the library with the command line (dist) and the page (dist/web), from nothing. */
import { buildLibrary, buildPage } from './build-steps.ts'

buildLibrary()
buildPage()
