/**
 * The public keys Red Hat signs OpenShift releases with. Published at
 * https://access.redhat.com/security/team/key and in the repository openshift/cluster-update-keys (folder `keys`). The
 * fingerprint covers creation time, modulus and exponent; it is computed again and compared whenever a key is used.
 */
export interface PublishedKey {
  readonly name: string;
  /** 40 upper-case hex digits, OpenPGP version 4. */
  readonly fingerprint: string;
  /** Creation time, seconds since 1970. */
  readonly created: number;
  /** RSA modulus, big-endian, base64. */
  readonly modulus: string;
  readonly exponent: number;
}

/** Signs every generally available release. */
export const RED_HAT_RELEASE_KEY: PublishedKey = {
  name: 'Red Hat, Inc. (release key 2)',
  fingerprint: '567E347AD0044ADE55BA8A5F199E2F91FD431D51',
  created: 1256212795,
  modulus:
    'odgOG9Dvbfr8wvVa1bS9QCr1FovTjwo5L0e13fA7ScXnjGeXhdB7cyBufKg0cm8FHvPRWaawdX37lCs3RPh3C9xWzVkkjl1Y' +
    '2SHq7HV8h9zb5yyyxdAzUQdosd21xvUYf0V6RbDcQ6dghDHVL22AsxO/StRJ1E1YdS9Dn9NtxbT0mV19HLuz2+QyOZV+WHqF' +
    'zukaKHayBmCbFQUFp61sOMTU3KJ1HzT5NBBmbRJ87x9s8j6CYVxhfjXLvV8G2pZ2HXtdDgr0lgGec0wqaCzE70I1qWwnVlyc' +
    'wpuhvv4cfbqZHueOh+SI7WJuHUyFU53N8Lw4jg4ASkczpfaxDgiIDrhrQ8UcXEJI6wvsb4OVZKp+7wVMlvaR3nTlPj6Bdwxj' +
    'jPnar/njSgb4fWBfboBQEAZHBu74mYLxhDBhlKczYDe150tYI/wz6PZmREjmJynHr3trSAvO6doao68Th7iO35GWHjSHAKGv' +
    'N6wZbRV2gQ2IVgCktT3F0tf+ycz9JMu3dC+l27vyH+ZKlkKSsFCJ17ckkZLq2lX7itwaWvl9V3nFotuCWB1bZTV9NuccdXsF' +
    'cxjQk5Vp9bJEDdjjqEE1eAvP6haU1ug01mLq3ePnxNDiRSWUBW7oX12MJkZVToDeYu+zUyCWSUH2BY9/HPyL+b2QT6JDupn3' +
    '6zk79zB1lYE=',
  exponent: 65537,
};

/** Signs early builds; trusted only when asked for. */
export const RED_HAT_BETA_KEY: PublishedKey = {
  name: 'Red Hat, Inc. (beta key 2)',
  fingerprint: 'B08B659EE86AF623BC90E8DB938A80CAF21541EB',
  created: 1235485488,
  modulus:
    'tv3O2z9ZR0N10nMWyJNC0FntWDoom0AUS8H/EouT5LYLbj4m05CqWY8PKeA/nzO4w9VlM1BNF+7V4Npf3lJTDOHcOlyQENQJ' +
    'hDrZcEoO66zLU7zNAARLSOypunwurFOkbQTHXKg9XB/+nW7H4fJrs51QO1JV/j0QR1c3Vs4+svIfOHQY6IM3G2LvR3s6oI/5' +
    'S84nKrEmT8/VHV4kU0QCIafFd9AQ/LkWmmtCgw5w+iMyb9w/T8UFmxTOGddhjfS8nmapg+26Ss2Zlxv93a7311YrF2l6dzNO' +
    '7dzZQWtw7fDRSCmdAxUVwc+W788UVZnR+g7ZA1lwzzrflnZta2awjq8khaQWUEaR8NdnqNTNZYqwDSKL+2fldUIf2gcY+RFL' +
    't9rvWaYwDzzbUBehfyo2qBxx5hEALo+Ay3seC2OuOh79a3L9okBbgnbyykBkohQa32R9I/yF9/9CV0JWc29zLjBT8S1xgKAF' +
    'fVD/0sP1k5gLk8xVZhtd1GBXjMK06DoqnF9lXCtGgtRQnEz9s+CVtz7Fr1PK1A0VGH6F6L3O3oOFZ+cB7dDQWLDYWIgAH99t' +
    'AFCB80GWIt/CYFcLiXxbuN7SWROFYoPvkUKurbBMfRbc9xMEUXyfc/ZhLxIonmZvr2zrzLyLophVT0gpix/myOuPSvHmZVUV' +
    'rMdxFwlW9J0=',
  exponent: 65537,
};
