import assert from 'node:assert/strict';
import test from 'node:test';
import { escapeMarkup, markup, renderMarkup, trustedMarkup } from '../../../../src/workflows/report/markup.ts';

const cases: readonly (readonly [string, string, string])[] = [
  ['an element', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
  ['the end of an attribute', `" onload='x`, '&quot; onload=&#39;x'],
  ['an entity', '&lt;', '&amp;lt;'],
  ['a text that runs backwards', 'a\u202egpj.exe', 'a\\u202egpj.exe'],
  ['an isolate', '\u2066a\u2069', '\\u2066a\\u2069'],
  ['nothing to see', 'a\u200bb\ufeffc\u00add\u3164', 'a\\u200bb\\ufeffc\\u00add\\u3164'],
  ['characters of the tag block', '\u{e0041}', '\\ue0041'],
  ['control characters', '\u0000\u001b[31m\u007f\u0085', '\\u0000\\u001b[31m\\u007f\\u0085'],
  ['half a character', 'a\ud800b', 'a\\ud800b'],
  ['line separators', 'a\u2028b', 'a\\u2028b'],
  ['lines and tabs, which stay', 'a\n\tb', 'a\n\tb'],
  ['names of people, which stay', 'CN=Zürich 東京', 'CN=Zürich 東京'],
];

for (const [what, text, expected] of cases) {
  test(`escapes ${what}`, () => assert.equal(escapeMarkup(text), expected));
}

test('values of a template are escaped, markup is not escaped again, lists are joined, undefined is nothing', () => {
  const inner = markup`<b>${'<'}</b>`;
  const page = markup`<a title="${'"'}">${[inner, 'x&y', 3]}${undefined}${trustedMarkup('<i>')}</a>`;
  assert.equal(renderMarkup(page), '<a title="&quot;"><b>&lt;</b>x&amp;y3<i></a>');
});

test('an object from a document is never taken for markup', () => {
  const foreign = JSON.parse('{"TEXT":"<script>","Symbol(markup)":"<script>"}') as never;
  assert.throws(() => renderMarkup(foreign), TypeError);
});
