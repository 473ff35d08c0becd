import { describe, expect, it } from 'vitest';
import { invoiceOf, NO_INVOICE } from './Invoice';
import { offOf, saleOf } from './Sale';
import type { Product } from './types';

describe('an invoice', () => {
  it('begins with whose it is, and has no empty lines', () => {
    const invoice = { wanted: true, company: ' Log Works ', address: 'Street 1\n\n Berlin ', tax: ' DE1 ' };
    expect(invoiceOf(invoice)).toEqual({ address: 'Log Works\nStreet 1\nBerlin', tax_id: 'DE1' });
  });

  it('is nothing when it was not wished for, whatever was typed before', () => {
    expect(invoiceOf({ ...NO_INVOICE, address: 'Street 1', tax: 'DE1' })).toEqual({});
  });
});

describe('a sale', () => {
  const euros = (minor: number) => [{ minor, currency: 'EUR' }];
  const product = (part: Partial<Product>) =>
    ({ prices: euros(4_900), original: euros(6_500), availability: 'few', ...part }) as Product;

  it('promises no more than it takes off', () => {
    const sale = saleOf(product({}), 'EUR');
    expect(sale).toEqual({ before: 6_500, now: 4_900 });
    expect(sale && offOf(sale)).toBe(0.24);
  });

  it('is none in another currency, for as much as before, or when nothing is left', () => {
    expect(saleOf(product({}), 'USD')).toBeUndefined();
    expect(saleOf(product({ original: euros(4_900) }), 'EUR')).toBeUndefined();
    expect(saleOf(product({ availability: 'sold_out' }), 'EUR')).toBeUndefined();
  });
});
