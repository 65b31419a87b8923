/** What a drafted hosted cluster gets when nothing is said about it; enough for a first try. */
export const HOSTED_DEFAULTS = {
  name: 'example',
  pullSecretFile: 'pull-secret.json',
  nodePoolReplicas: 2,
  memory: '8Gi',
  cores: 2,
} as const;
