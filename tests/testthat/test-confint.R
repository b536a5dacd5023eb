# confint(): limits, names, order and choice of the parameters, for each method.

test_that("profile limits are lme4's", {
  skip_on_cran()
  skip_if_not_installed("lme4")
  tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
  models <- list(
    list(Reaction ~ Days + (Days | Subject), rlmm::sleepstudy),
    list(diameter ~ 1 + (1 | plate) + (1 | sample), lme4::Penicillin),
    list(strength ~ 1 + (1 | batch / cask), lme4::Pastes),
    list(angle ~ recipe * temperature + (1 | recipe:replicate), lme4::cake),
    list(Weight ~ Time + (Time | Pig), rlmm::dietox)
  )
  for (model in models) {
    data <- model[[2]]
    theirs <- suppressWarnings(suppressMessages(confint(
      lme4::lmer(model[[1]], data, control = tight), oldNames = FALSE)))
    ours <- expect_silent(confint(rlmm(model[[1]], data), oldNames = FALSE))
    expect_setequal(rownames(ours), rownames(theirs))
    label <- deparse1(model[[1]])
    expect_lt(max(abs(ours[rownames(theirs), ] - theirs)), 1e-3, label = label)
  }
})

test_that("rows have lme4's names in both styles, in its order", {
  limits <- confint(our_fit("slope"))
  expect_equal(rownames(limits), c(".sig01", ".sig02", ".sig03", ".sigma", "(Intercept)", "Days"))
  expect_equal(colnames(limits), c("2.5 %", "97.5 %"))
  expect_equal(rownames(confint(our_fit("slope"), oldNames = FALSE)),
    c("sd_(Intercept)|Subject", "sd_Days|Subject", "cor_Days.(Intercept)|Subject", "sigma",
      "(Intercept)", "Days"))
  three <- rownames(confint(broken_fit(), oldNames = FALSE, method = "profile"))
  expect_equal(three, c(paste0("sd_", c("(Intercept)", "x", "z"), "|g"),
    paste0("cor_", c("x.(Intercept)", "z.(Intercept)", "z.x"), "|g"), "sigma", "(Intercept)", "x"))
  expect_equal(rownames(confint(our_fit("split"), oldNames = FALSE))[1:2],
    c("sd_(Intercept)|Subject", "sd_Days|Subject"))
})

test_that("parameters are chosen by number, name in either style, or kind", {
  fit <- our_fit("slope")
  all <- confint(fit)
  expect_equal(confint(fit, 4:5), all[4:5, ])
  expect_equal(confint(fit, c("Days", "cor_Days.(Intercept)|Subject", ".sigma")), all[c(3, 4, 6), ])
  expect_equal(confint(fit, "theta_"), all[1:4, ])
  expect_equal(confint(fit, "beta_"), all[5:6, ])
  expect_equal(confint(fit, c("beta_", ".sig01")), all[c(1, 5, 6), ])
  for (method in c("profile", "Wald", "boot")) {
    limits <- confint(fit, c("sigma", "Days"), method = method, nsim = 50)
    expect_equal(rownames(limits), c(".sigma", "Days"))
    expect_rlmm_error(confint(fit, "day", method = method, nsim = 5), "unknown_name", "'day'")
  }
  expect_rlmm_error(confint(fit, 9), "unknown_name", "6 parameters", "9")
})

test_that("level and zeta say how far", {
  fit <- our_fit("slope")
  wide <- confint(fit, level = 0.999)
  narrow <- confint(fit, level = 0.5)
  expect_true(all(wide[, 1] < narrow[, 1] & narrow[, 2] < wide[, 2]))
  expect_equal(colnames(wide), c("0.05 %", "99.95 %"))
  expect_equal(confint(profile(fit), level = 0.5), narrow, tolerance = 1e-4)
  expect_equal(confint(fit, zeta = c(-1, 2))[, 1], confint(fit, level = 2 * pnorm(1) - 1)[, 1],
    tolerance = 1e-4)
  expect_equal(confint(fit, zeta = qnorm(0.75)), narrow, tolerance = 1e-4)
  expect_rlmm_error(confint(fit, level = 95), "bad_argument", "level")
  expect_rlmm_error(confint(fit, zeta = "a"), "bad_argument", "zeta")
  expect_rlmm_error(confint(fit, method = "exact"), "bad_argument", "method")
  expect_rlmm_error(confint(fit, levels = 0.9), "bad_argument", "levels")
  # lme4's arguments that have nothing to do here
  expect_silent(confint(fit, "Days", quiet = TRUE, devtol = 1e-9, parallel = "no", maxmult = 10))
})

test_that("intervals at a boundary are one-sided and say so", {
  singular <- confint(our_fit("singular"))
  expect_equal(singular[".sig01", 1], 0)
  expect_gt(singular[".sig01", 2], 0)
  expect_false(anyNA(singular))
  expect_equal(confint(our_fit("pastes"))[".sig02", 1], 0)

  # slopes without variance have any correlation
  set.seed(2)
  undefined <- quiet_fit(y ~ Days + (Days | Subject), transform(sleepstudy, y = Days + rnorm(180)))
  expect_equal(VarCorr(undefined)$Subject[2, 2], 0)
  for (criterion in c("deviance", "REML")) {
    limits <- expect_silent(confint(undefined, criterion = criterion))
    expect_equal(unname(limits[".sig03", ]), c(-1, 1))
    expect_equal(limits[".sig02", 1], 0)
    expect_false(anyNA(limits))
  }
  one <- quiet_fit(y ~ x + (x | g), slopes_data(3, cor = 0.99))
  expect_equal(confint(one)[".sig03", 2], 1)
  for (seed in 11:16) {
    fit <- quiet_fit(y ~ x + (x | g), slopes_data(seed, groups = 6, rows = 3))
    expect_false(anyNA(expect_silent(confint(fit))))
    expect_false(anyNA(expect_silent(confint(fit, "theta_", criterion = "REML", level = 0.999))))
  }
})

test_that("Wald limits are symmetric on the log and z scales, as nlme's", {
  fit <- our_fit("slope")
  limits <- confint(fit, method = "Wald")
  parts <- intervals(fit)
  expect_equal(limits, rbind(parts$reStruct$Subject, parts$sigma, parts$fixed)[, c(1, 3)],
    ignore_attr = TRUE)
  theirs <- nlme::intervals(nlme::lme(score ~ Machine, nlme::Machines, ~ 1 | Worker))
  machines <- as.data.frame(nlme::Machines)
  machines$Worker <- factor(machines$Worker, ordered = FALSE)
  ours <- confint(rlmm(score ~ Machine + (1 | Worker), machines), "theta_", method = "Wald")
  expect_equal(unname(ours[1, ]), unlist(theirs$reStruct$Worker[c(1, 3)], use.names = FALSE),
    tolerance = 1e-4)
  expect_equal(unname(ours[2, ]), as.vector(theirs$sigma[c(1, 3)]), tolerance = 1e-4)
  fixed <- confint(fit, "beta_", method = "Wald", level = 0.9)
  expect_equal(fixed, fixef(fit) + outer(sqrt(diag(vcov(fit))), qnorm(c(0.05, 0.95))),
    ignore_attr = TRUE)
  expect_warning(none <- confint(our_fit("singular"), method = "Wald"), "boundary",
    class = "rlmm_no_interval")
  expect_equal(unname(is.na(none[, 1])), c(TRUE, FALSE, FALSE))
})

test_that("bootstrap limits are those of bootMer()", {
  fit <- our_fit("slope")
  b <- bootMer(fit, nsim = 200, seed = 5)
  for (type in c("perc", "basic", "norm", "bca", "shortest")) {
    ours <- confint(fit, method = "boot", nsim = 200, seed = 5, boot.type = type)
    expect_equal(ours, confint(b, type = type, oldNames = TRUE))
  }
  set.seed(3)
  first <- confint(fit, "Days", method = "boot", nsim = 60)
  set.seed(3)
  expect_identical(confint(fit, "Days", method = "boot", nsim = 60), first)
  ratio <- function(m) c(ratio = fixef(m)[["Days"]] / sigma(m))
  by_fun <- confint(fit, method = "boot", nsim = 60, FUN = ratio, seed = 1)
  expect_equal(rownames(by_fun), "ratio")
  expect_rlmm_error(confint(fit, method = "boot", boot.type = "stud"), "bad_argument", "boot.type")
})

test_that("Wald intervals of fixed effects can have the degrees of freedom of the tests", {
  fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    table <- coef(summary(fit, ddf = ddf))
    margin <- qt(0.95, table[, "df"]) * table[, "Std. Error"]
    expect_equal(unname(confint(fit, "beta_", 0.9, "Wald", ddf = ddf)),
      unname(table[, "Estimate"] + outer(margin, c(-1, 1))))
  }
  normal <- confint(fit, "beta_", method = "Wald")
  expect_true(all(apply(normal, 1, diff) < apply(confint(fit, "beta_", method = "Wald",
    ddf = "Satterthwaite"), 1, diff)))
  expect_error(confint(fit, method = "Wald", ddf = "exact"), class = "rlmm_error")
})

test_that("a profile has its own names, and says so where others are asked for", {
  pr <- profile(rlmm(Reaction ~ Days + (1 | Subject), sleepstudy), which = ".sigma")
  expect_error(confint(pr, oldNames = FALSE), class = "rlmm_error")
})
