import { isAirgapError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { parseYaml } from '../core/yaml.ts';
import { valueText, type OperatorBundle } from './catalog.ts';

/**
 * The Kubernetes objects a catalog keeps of an operator bundle (property `olm.bundle.object`): what OLM will create, the
 * ClusterServiceVersion among them. One that can not be read is left out: nothing is decided by it. The newer property
 * `olm.csv.metadata` has no deployments, so no image is pulled for anything in it.
 */
export function bundleObjects(bundle: OperatorBundle): unknown[] {
  return bundle.properties
    .filter(({ type }) => type === 'olm.bundle.object')
    .flatMap(({ value }) => readObject(Buffer.from(valueText(value, 'data'), 'base64').toString('utf8'), bundle.name));
}

function readObject(text: string, name: string): unknown[] {
  // Nearly all are JSON, which is read much faster than YAML.
  const object = parseJson(text) ?? parseOther(text, name);
  return typeof object === 'object' && object !== null ? [object] : [];
}

function parseOther(text: string, name: string): unknown {
  try {
    return parseYaml(text, `an object of ${name}`);
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
    return undefined;
  }
}
