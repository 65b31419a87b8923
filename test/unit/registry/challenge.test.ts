import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from '../../../src/registry/challenge.ts';

const cases: readonly { name: string; header: string | undefined; expected: ReturnType<typeof parseChallenges> }[] = [
  { name: 'nothing', header: undefined, expected: [] },
  {
    name: 'bearer with commas in a quoted value',
    header: 'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
    expected: [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://auth.example/token', service: 'reg', scope: 'repository:a/b:pull,push' },
      },
    ],
  },
  {
    name: 'two challenges in one header',
    header: 'Basic realm="r", Bearer realm="https://t/",service=plain',
    expected: [
      { scheme: 'basic', parameters: { realm: 'r' } },
      { scheme: 'bearer', parameters: { realm: 'https://t/', service: 'plain' } },
    ],
  },
  {
    name: 'a scheme without parameters before another',
    header: 'Negotiate, Basic realm="r"',
    expected: [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'r' } },
    ],
  },
  {
    name: 'escapes, spaces and capital letters',
    header: 'BEARER  Realm = "a\\"b" ,  SERVICE="x y"',
    expected: [{ scheme: 'bearer', parameters: { realm: 'a"b', service: 'x y' } }],
  },
  {
    name: 'an unfinished quote ends the list',
    header: 'Bearer realm="a',
    expected: [{ scheme: 'bearer', parameters: {} }],
  },
  { name: 'garbage', header: '=,"', expected: [] },
];

for (const { name, header, expected } of cases) {
  test(`a challenge is read: ${name}`, () => assert.deepEqual(parseChallenges(header), expected));
}
