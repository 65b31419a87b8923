#!/usr/bin/env node
// Development entry: runs src/ as it is, without a build.
import { readFile } from 'node:fs/promises';
import { settings } from '@oclif/core/settings';
import { execute } from '@oclif/core/execute';

settings.enableAutoTranspile = false;
const root = new URL('..', import.meta.url);
const pjson = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
pjson.oclif.commands = './src/commands';
await execute({ loadOptions: { root: root.pathname, pjson, ignoreManifest: true } });
