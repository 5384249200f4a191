"""The hold: the semaphore by which somebody asks that configfs is left alone for now."""
