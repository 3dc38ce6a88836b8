# The images of one build.
ARG APP_VERSION=1.0
ARG DATA=data

FROM team/app:${APP_VERSION} AS app
RUN --mount=from=team/web:2.1,target=/web \
    make static

FROM team/${DATA:-none}:3
COPY --from=app /out /out
