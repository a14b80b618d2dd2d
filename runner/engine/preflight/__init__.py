"""What must be true before the first change: dead runs put back, policy asked, locks taken, users well."""
