"""The AWS Lambda function: the people of a film in a bucket, their pictures beside it. See ``docs/lambda.md``.

The handler is ``stills.aws.handler.handler``.
"""
