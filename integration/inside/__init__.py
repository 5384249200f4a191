"""What runs inside guests: their end of the command channel, and what it runs and calls there.

A guest has the daemon's package; of the checkout it is given these modules, and what they import
(`integration.guest_modules`).
"""
