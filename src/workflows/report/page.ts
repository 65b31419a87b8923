import { createHash } from 'node:crypto';
import type { PlanFile } from '../../mirror/plan-file.ts';
import { attentionSection } from './attention.ts';
import { contentsSection } from './contents.ts';
import type { ReportData } from './data.ts';
import { differenceSection } from './difference.ts';
import { filesSection } from './files.ts';
import { reportContents } from './groups.ts';
import { imagesSection } from './images.ts';
import { markup, renderMarkup, trustedMarkup, type Markup } from './markup.ts';
import { reportHead } from './overview.ts';
import { REPORT_STYLE } from './style.ts';
import { trustSection } from './trust.ts';

const NO_PLAN: PlanFile = {
  schemaVersion: 1,
  images: [],
  releases: [],
  catalogs: [],
  gaps: [],
  warnings: [],
  totalBytes: 0,
};

/**
 * The report for a change board: one HTML page that needs nothing else, runs no script and loads nothing, which it also
 * forbids by its content security policy (CSP level 3). Foreign text is escaped. A pure function: the same data gives the
 * same bytes.
 */
export function reportPage(data: ReportData): string {
  const contents = reportContents(data.plan ?? NO_PLAN, data.sizes);
  const sections: readonly (readonly [string, string, Markup | undefined])[] = [
    ['attention', 'Attention', attentionSection(data)],
    ['difference', 'Difference', differenceSection(data)],
    ['contents', 'What crosses', contentsSection(data, contents)],
    ['trust', 'Signatures and certificates', trustSection(data)],
    ['images', 'All images', imagesSection(contents)],
    ['files', 'Files', filesSection(data)],
  ];
  const present = sections.filter(([, , body]) => body !== undefined);
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${trustedMarkup(styleHash())}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Transfer report: ${data.bundle.name}, serial ${data.bundle.serial}</title>
<style>${trustedMarkup(REPORT_STYLE)}</style>
</head>
<body>
${reportHead(data, contents)}<nav aria-label="Sections"><ul>${present.map(([id, title]) => markup`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main>
${present.map(([, , body]) => body)}</main>
<footer>Made by airgap. This page runs no script and loads nothing; sizes are powers of 1024; times are UTC.</footer>
</body>
</html>
`;
  return renderMarkup(page);
}

function styleHash(): string {
  return `sha256-${createHash('sha256').update(REPORT_STYLE).digest('base64')}`;
}
